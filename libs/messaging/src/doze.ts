/**
 * A pause that can be ended early. It uses a plain timer: with an AbortSignal, loops that are woken many times a second would pay for an
 * exception each time.
 */
export class Doze {
  private end: (() => void) | null = null;

  /** Waits for the given ms, or until woken. One wait at a time. */
  async wait(ms: number): Promise<void> {
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, ms);
      this.end = () => {
        clearTimeout(timer);
        resolve();
      };
    });
    this.end = null;
  }

  wake(): void {
    this.end?.();
  }
}
