/** Holds every answer of a service to its OpenAPI document: status, media type, code, and each member of the body. */
import { Ajv2020, type ValidateFunction } from "ajv/dist/2020.js";
import addFormats from "ajv-formats";
import type { Answer, TestService } from "./service.js";

interface Schema {
  readonly $ref?: string;
  readonly examples?: readonly object[];
  readonly maxItems?: number;
  readonly maximum?: number;
  readonly allOf?: readonly Schema[];
  readonly anyOf?: readonly Schema[];
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly items?: Schema;
}

interface Response {
  readonly $ref?: string;
  readonly headers?: Readonly<Record<string, unknown>>;
  readonly content: Readonly<Record<string, { readonly schema: Schema }>>;
}

export interface OpenApi {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly components: { readonly schemas: Readonly<Record<string, Schema>> };
  readonly tags: readonly { readonly name: string }[];
}

interface Operation {
  readonly requestBody?: { readonly content: Readonly<Record<string, { readonly schema: Schema }>> };
  readonly operationId?: string;
  readonly tags?: readonly string[];
  readonly responses: Readonly<Record<string, Response>>;
}

/** Members whose own members are the client's or the prover's; the documents themselves. */
const OPEN = /\.(payload|policy_params|public_inputs|batch_public_inputs)$|api\.json$/;

export class Documented {
  /** `GET /path 200` and `GET /path EVENT_NOT_FOUND`, as answered. */
  readonly answered = new Set<string>();
  /** Documented members, by schema or operation, and whether an answer had them. */
  readonly members = new Map<string, boolean>();
  readonly findings = new Set<string>();
  readonly #validators = new Map<Schema, ValidateFunction>();
  readonly #ajv = new Ajv2020({ strict: false });

  constructor(readonly openapi: OpenApi) {
    (addFormats as unknown as (instance: Ajv2020) => void)(this.#ajv);
  }

  /** From here on every request of the service's helpers is looked at. */
  static async watch(service: TestService): Promise<Documented> {
    const documented = new Documented((await service.get("/openapi.json")).json);
    const request = service.request.bind(service);
    service.request = async (method, path, options) => {
      const answer = await request(method, path, options);
      documented.#check(method, path, answer);
      return answer;
    };
    return documented;
  }

  /** What the document says an operation refuses, the credential's and the body's codes left out: `POST /path CODE`. */
  ownRefusals(common: ReadonlySet<string>): string[] {
    return this.#operations().flatMap(({ name, operation }) =>
      Object.entries(operation.responses)
        .filter(([status]) => Number(status) >= 400)
        .flatMap(([, response]) => codesOf(response))
        .filter((code) => !common.has(code))
        .map((code) => `${name} ${code}`),
    );
  }

  fits(schema: Schema, value: unknown): boolean {
    return this.#validator(schema)(value);
  }

  /** The codes of a status, by the operations that describe it themselves. */
  codesByStatus(status: number): [string, string[]][] {
    return this.#operations().flatMap(({ name, operation }): [string, string[]][] => {
      const response = operation.responses[status];
      return response === undefined ? [] : [[name, codesOf(response)]];
    });
  }

  operationNames(): string[] {
    return this.#operations().map(({ name }) => name);
  }

  #operations(): { name: string; operation: Operation }[] {
    return Object.entries(this.openapi.paths).flatMap(([path, methods]) =>
      Object.entries(methods).map(([method, operation]) => ({ name: `${method.toUpperCase()} ${path}`, operation })),
    );
  }

  #check(method: string, path: string, answer: Answer): void {
    const pattern = this.#patternOf(path.split("?")[0]!);
    const operation = pattern === undefined ? undefined : this.openapi.paths[pattern]![method.toLowerCase()];
    if (operation === undefined) return;
    const name = `${method} ${pattern}`;
    const { status } = answer;
    this.answered.add(`${name} ${status === 200 ? 200 : answer.json?.code}`);
    const documented =
      operation.responses[status] ?? (status === 429 || status >= 500 ? operation.responses.default : undefined);
    if (documented === undefined) return void this.findings.add(`${name}: status ${status} ${answer.text}`);
    const response = this.#resolve(documented);
    const schema = response.content[answer.headers.get("content-type") ?? ""]?.schema;
    if (schema === undefined) return void this.findings.add(`${name} ${status}: ${answer.headers.get("content-type")}`);
    const retries = status === 429 || status === 503;
    for (const header of Object.keys(response.headers ?? {})) {
      const isMissing = !answer.headers.has(header) && (header !== "retry-after" || retries);
      if (isMissing) this.findings.add(`${name} ${status}: no header ${header}`);
    }
    if (answer.json === null) return;
    const validate = this.#validator(schema);
    if (!validate(answer.json)) this.findings.add(`${name} ${status}: ${JSON.stringify(validate.errors)}`);
    this.#walk(schema, answer.json, status === 200 ? name : "Problem");
  }

  /** The path of the document that the router takes: the one with the fewest parameters. */
  #patternOf(path: string): string | undefined {
    return Object.keys(this.openapi.paths)
      .filter((pattern) => new RegExp(`^${pattern.replace("{index}", ".+").replace(/\{\w+\}/g, "[^/]+")}$`).test(path))
      .sort((a, b) => a.split("{").length - b.split("{").length)[0];
  }

  #walk(schema: Schema, value: unknown, place: string): void {
    const parts = this.#partsFor(schema, value);
    if (Array.isArray(value)) {
      const items = parts.find((part) => part.items !== undefined)?.items;
      if (items === undefined) this.findings.add(`${place}: nothing is said of its items`);
      else for (const item of value) this.#walk(items, item, `${place}[]`);
      return;
    }
    if (typeof value !== "object" || value === null || OPEN.test(place)) return;
    const known: Record<string, Schema> = Object.assign({}, ...parts.map(({ properties }) => properties));
    for (const name of Object.keys(known)) {
      const member = `${place}.${name}`;
      this.members.set(member, this.members.get(member) === true || name in value);
    }
    for (const [name, inner] of Object.entries(value)) {
      if (known[name] === undefined) this.findings.add(`${place}.${name} is not documented`);
      else this.#walk(known[name], inner, `${place}.${name}`);
    }
  }

  /** All that says something of the value: references followed, of alternatives the first that fits. */
  #partsFor(schema: Schema, value: unknown): Schema[] {
    const own = this.#resolve(schema);
    const fitting = own.anyOf?.find((alternative) => this.#validator(alternative)(value));
    const more = [...(own.allOf ?? []), ...(fitting === undefined ? [] : [fitting])];
    return [own, ...more.flatMap((part) => this.#partsFor(part, value))];
  }

  #resolve<T extends { readonly $ref?: string }>(node: T): T {
    if (node.$ref === undefined) return node;
    const names = node.$ref.slice(2).split("/");
    return names.reduce((inner: unknown, name) => (inner as Record<string, unknown>)[name], this.openapi) as T;
  }

  #validator(schema: Schema): ValidateFunction {
    const known = this.#validators.get(schema);
    if (known !== undefined) return known;
    const made = this.#ajv.compile({ ...schema, components: this.openapi.components });
    this.#validators.set(schema, made);
    return made;
  }
}

function codesOf({ content }: Response): string[] {
  const { schema } = content["application/problem+json"]!;
  return (schema.allOf ?? []).flatMap(
    (part) => (part.properties?.code as { readonly enum?: readonly string[] } | undefined)?.enum ?? [],
  );
}
