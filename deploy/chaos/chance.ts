/** Numbers derived from a seed (mulberry32), so that a run can be repeated. */
export class Chance {
  constructor(private state: number) {}

  /** A number from 0 up to, but not including, `below`. */
  below(below: number): number {
    this.state = (this.state + 0x6d2b79f5) | 0;
    let t = Math.imul(this.state ^ (this.state >>> 15), 1 | this.state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return Math.floor((((t ^ (t >>> 14)) >>> 0) / 4_294_967_296) * below);
  }

  between(low: number, high: number): number {
    return low + this.below(high - low + 1);
  }

  of<T>(items: readonly T[]): T {
    const item = items[this.below(items.length)];
    if (item === undefined) throw new Error('nothing to choose from');
    return item;
  }

  /** A further sequence of numbers, for a consumer that draws independently. */
  fork(): Chance {
    return new Chance(this.below(4_294_967_296));
  }
}
