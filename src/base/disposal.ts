/** What a composition started, ended in reverse order. One failing end does not keep the others from theirs. */
export class Disposals implements AsyncDisposable {
  readonly #resources: (Disposable | AsyncDisposable)[] = [];

  use<T extends Disposable | AsyncDisposable>(resource: T): T {
    this.#resources.push(resource);
    return resource;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const failures: unknown[] = [];
    for (let next = this.#resources.pop(); next !== undefined; next = this.#resources.pop()) {
      try {
        if (Symbol.asyncDispose in next) await next[Symbol.asyncDispose]();
        else next[Symbol.dispose]();
      } catch (error) {
        failures.push(error);
      }
    }
    if (failures.length > 0) throw new AggregateError(failures, "not everything ended cleanly");
  }
}
