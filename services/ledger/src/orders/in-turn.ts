/** Work of one key, one after the other, in the order it came; other keys wait for nobody. */
export class InTurn {
  private readonly last = new Map<string, Promise<void>>();

  /** Does the work when all that came before it for the key has ended, however it ended. */
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
