/**
 * Work that several callers request at the same time. Callers that arrive during a run share one run after it, so that each result is
 * at least as recent as the request.
 */
export class Together<T> {
  private readonly running = new Map<string, Promise<T>>();
  private readonly next = new Map<string, Promise<T>>();

  run(key: string, work: () => Promise<T>): Promise<T> {
    const next = this.next.get(key);
    if (next !== undefined) return next;
    const start = (): Promise<T> => {
      this.next.delete(key);
      const run = work().finally(() => {
        if (this.running.get(key) === run) this.running.delete(key);
      });
      this.running.set(key, run);
      return run;
    };
    const running = this.running.get(key);
    if (running === undefined) return start();
    const after = running.then(start, start);
    this.next.set(key, after);
    return after;
  }
}
