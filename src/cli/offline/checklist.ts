/** What was checked, in order, and the verdict: a line per check, or one JSON object. */

/** Exit code of every command that found what it verified not to be sound. */
export const EXIT_UNSOUND = 6;

export interface Check {
  readonly check: string;
  /** Null = it holds. */
  readonly fault: string | null;
}

export class Checklist {
  readonly #checks: Check[] = [];
  readonly #notes: string[] = [];

  /** Returns whether it holds. */
  add(check: string, fault: string | null): boolean {
    this.#checks.push({ check, fault });
    return fault === null;
  }

  /** The first item at fault stands for all. */
  addEach<T>(
    check: string,
    items: readonly T[],
    name: (item: T) => string,
    faultOf: (item: T) => string | null,
  ): boolean {
    for (const item of items) {
      const fault = faultOf(item);
      if (fault !== null) return this.add(check, `${name(item)}: ${fault}`);
    }
    return this.add(check, null);
  }

  /** What no check covers, for the reader. */
  note(text: string): void {
    this.#notes.push(text);
  }

  /** Prints everything and returns the exit code. `subject` names what the verdict is about. */
  conclude(subject: string, isJson: boolean): number {
    const isSound = this.#checks.every(({ fault }) => fault === null);
    if (isJson) {
      console.log(JSON.stringify({ sound: isSound, subject, checks: this.#checks, notes: this.#notes }));
    } else {
      for (const { check, fault } of this.#checks) {
        console.log(printable(fault === null ? `ok    ${check}` : `FAIL  ${check}: ${fault}`));
      }
      for (const note of this.#notes) console.log(`note  ${note}`);
      console.log(printable(`${isSound ? "sound" : "NOT SOUND"}: ${subject}`));
    }
    return isSound ? 0 : EXIT_UNSOUND;
  }
}

/** The fault when the fact does not hold. */
export function unless(holds: boolean, fault: string): string | null {
  return holds ? null : fault;
}

/** Texts of a document that nobody vouches for, without what a terminal would obey. */
export function printable(text: string): string {
  return text.replace(/[^\x20-\x7e]/g, "?");
}
