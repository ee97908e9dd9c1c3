import { microToText } from '../statements/money.js';
import type { Fault } from '../verification/verification.js';

/** What lines, or what they are about, come to; exact. */
export interface Figure {
  /** All that tells it apart, in words. */
  readonly id: string;
  readonly count: bigint;
  /** Millionths of a minor unit. */
  readonly amountMicro: bigint;
}

/** A fault, and how large it is: one that grows or shrinks is traffic. */
export interface Differing extends Fault {
  /** By how much. */
  readonly off: string;
}

export class Sums {
  private readonly sums = new Map<string, Figure>();

  /** @param of before the ids of what differs */
  constructor(private readonly of = '') {}

  /** `factor` −1 takes away. */
  add({ id, count, amountMicro }: Figure, factor = 1n): void {
    const known = this.sumOf(id);
    this.sums.set(id, {
      id,
      count: known.count + factor * count,
      amountMicro: known.amountMicro + factor * amountMicro,
    });
  }

  figures(): Figure[] {
    return [...this.sums.values()];
  }

  /** Where these sums of lines are not those of their source; `counted` says what both count. */
  differences(source: Sums, counted: string): Differing[] {
    const ids = [...new Set([...source.sums.keys(), ...this.sums.keys()])].sort();
    return ids.flatMap((id) => {
      const [ours, theirs] = [this.sumOf(id), source.sumOf(id)];
      const [count, amountMicro] = [ours.count - theirs.count, ours.amountMicro - theirs.amountMicro];
      if (count === 0n && amountMicro === 0n) return [];
      const wrong = [
        ...(count === 0n ? [] : [`${counted} is ${ours.count}, should be ${theirs.count}`]),
        ...(amountMicro === 0n
          ? []
          : [`amount is ${microToText(ours.amountMicro)}, should be ${microToText(theirs.amountMicro)}`]),
      ];
      return [{ kind: 'source', id: this.of + id, detail: wrong.join('; '), off: `${count} ${amountMicro}` }];
    });
  }

  private sumOf(id: string): Figure {
    return this.sums.get(id) ?? { id, count: 0n, amountMicro: 0n };
  }
}
