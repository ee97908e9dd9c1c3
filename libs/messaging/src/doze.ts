/** A pause that can be ended early. Ends by a plain timer: loops that are woken many times a second would pay for an exception each time with an AbortSignal. */
export class Doze {
  private end: (() => void) | null = null;

  /** Waits so many ms, or until woken. One at a time. */
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
