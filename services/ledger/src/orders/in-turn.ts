/** Runs work of the same key one after another, in order of arrival; different keys do not wait for each other. */
export class InTurn {
  private readonly last = new Map<string, Promise<void>>();

  /** Runs the work after all earlier work of the key has ended, whether or not it succeeded. */
  async take<T>(key: string, work: () => Promise<T>): Promise<T> {
    const before = this.last.get(key);
    let done: () => void = () => undefined;
    const mine = new Promise<void>((resolve) => (done = resolve));
    this.last.set(key, mine);
    try {
      await before;
      return await work();
    } finally {
      done();
      if (this.last.get(key) === mine) this.last.delete(key);
    }
  }
}
