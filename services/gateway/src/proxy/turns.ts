/** Starts a call; false when nobody waits for it any longer. */
export type Start = () => boolean;

/** The calls that may be with a service at once. While there is no room they wait, and the callers come in turn: one with a thousand calls waits for itself. */
export class Turns {
  private running = 0;
  private readonly waiting = new Map<string, Start[]>();

  constructor(private readonly most: number) {}

  take(caller: string, start: Start): void {
    const calls = this.waiting.get(caller) ?? [];
    calls.push(start);
    this.waiting.set(caller, calls);
    this.next();
  }

  /** To be called once for each call that was started, when it has left the service. */
  done(): void {
    this.running -= 1;
    this.next();
  }

  private next(): void {
    while (this.running < this.most) {
      const [first] = this.waiting;
      if (first === undefined) return;
      const [caller, calls] = first;
      const start = calls.shift();
      this.waiting.delete(caller);
      if (calls.length > 0) this.waiting.set(caller, calls);
      this.running += 1;
      if (start?.() !== true) this.running -= 1;
    }
  }
}
