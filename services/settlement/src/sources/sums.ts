import { microToText } from '../statements/money.js';
import type { Difference } from '../verification/verification.js';

/** Sum of lines or of their sources; exact. */
export interface Figure {
  /** All distinguishing fields, in words. */
  readonly id: string;
  readonly count: bigint;
  /** Millionths of a minor unit. */
  readonly amountMicro: bigint;
}

/** A figure of lines that differs from its source. */
export interface Differing extends Difference<'source'> {
  /** The size of the difference. */
  readonly off: string;
}

/** Sums of figures by their ids. */
export class Sums {
  private readonly sums = new Map<string, Figure>();

  /** Adds a figure; `factor` −1 subtracts it. */
  add({ id, count, amountMicro }: Figure, factor = 1n): void {
    const known = this.of(id);
    this.sums.set(id, {
      id,
      count: known.count + factor * count,
      amountMicro: known.amountMicro + factor * amountMicro,
    });
  }

  /** Differences between these sums of lines and those of their source. `counted` names what both count. */
  differences(source: Sums, counted: string): Differing[] {
    const ids = [...new Set([...source.sums.keys(), ...this.sums.keys()])].sort();
    return ids.flatMap((id) => {
      const [ours, theirs] = [this.of(id), source.of(id)];
      const [count, amountMicro] = [ours.count - theirs.count, ours.amountMicro - theirs.amountMicro];
      if (count === 0n && amountMicro === 0n) return [];
      const wrong = [
        ...(count === 0n ? [] : [`${counted} is ${ours.count}, should be ${theirs.count}`]),
        ...(amountMicro === 0n
          ? []
          : [`amount is ${microToText(ours.amountMicro)}, should be ${microToText(theirs.amountMicro)}`]),
      ];
      return [{ kind: 'source', id, detail: wrong.join('; '), off: `${count} ${amountMicro}` }];
    });
  }

  private of(id: string): Figure {
    return this.sums.get(id) ?? { id, count: 0n, amountMicro: 0n };
  }
}
