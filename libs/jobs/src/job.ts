import { Logger } from '@nestjs/common';

/** Repeated work, one run at a time: `everyMs` milliseconds after the last timed run ended, and on request. */
export class Job {
  private readonly log: Logger;
  private readonly stopping = new AbortController();
  private timer: NodeJS.Timeout | undefined;
  private current: Promise<void> | null = null;
  private next: Promise<void> | null = null;

  constructor(
    name: string,
    private readonly everyMs: number,
    private readonly work: (stopping: AbortSignal) => Promise<unknown>,
  ) {
    this.log = new Logger(name);
  }

  /** The first timed run begins after `everyMs`. */
  start(): void {
    if (this.stopping.signal.aborted) return;
    this.timer = setTimeout(() => void this.attempt().then(() => this.start()), this.everyMs);
    this.timer.unref();
  }

  /** Runs now, or as soon as the current run has ended; waiting calls share one run. Rejects with the error of the run. */
  run(): Promise<void> {
    if (this.next !== null) return this.next;
    const begin = (): Promise<void> => this.begin();
    if (this.current === null) return begin();
    this.next = this.current.then(begin, begin);
    return this.next;
  }

  /** Like `run`, unless the job was stopped; a failure is logged. */
  async attempt(): Promise<void> {
    if (this.stopping.signal.aborted) return;
    await this.run().catch((error: unknown) => {
      this.log.warn(error);
    });
  }

  /** Starts no further timed run; resolves once none is running. */
  async stop(): Promise<void> {
    this.stopping.abort();
    clearTimeout(this.timer);
    await (this.next ?? this.current)?.catch(() => undefined);
  }

  private begin(): Promise<void> {
    this.next = null;
    this.current = Promise.resolve()
      .then(() => this.work(this.stopping.signal))
      .then(() => undefined)
      .finally(() => {
        this.current = null;
      });
    return this.current;
  }
}
