import { SingleBar } from 'cli-progress';

/** A progress bar on a terminal; elsewhere a line for every ten per cent. */
export class Bar {
  private done = 0;
  private shown = 0;
  private readonly bar: SingleBar | null;

  constructor(
    private readonly what: string,
    private total: number,
  ) {
    this.bar = process.stdout.isTTY
      ? new SingleBar({
          format: `  ${what} {bar} {percentage}% {value}/{total} {note}`,
          hideCursor: true,
          clearOnComplete: false,
          barCompleteChar: '█',
          barIncompleteChar: '░',
        })
      : null;
    this.bar?.start(total, 0, { note: '' });
  }

  step(): void {
    this.set(this.done + 1);
  }

  set(done: number, note = '', total = this.total): void {
    this.done = done;
    if (total !== this.total) {
      this.total = total;
      this.bar?.setTotal(total);
    }
    this.bar?.update(done, { note });
    if (this.bar !== null || total === 0) return;
    const tenth = Math.floor((done / total) * 10);
    if (tenth > this.shown) {
      this.shown = tenth;
      console.log(`  ${this.what} ${done}/${total} ${note}`);
    }
  }

  end(): void {
    this.bar?.stop();
  }
}
