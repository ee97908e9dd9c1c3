import { Inject, Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { BrandDirectory, contractAt } from '#libs/directory';
import type { Brand } from '#libs/directory';
import { CONFIG } from '#libs/http';
import { Decimal, fail, MICRO_SCALE } from '#libs/kernel';
import { CyclesService } from '../cycles/cycles.service.js';
import type { SettlementConfig } from '../settlement.config.js';
import { EntriesRepository } from './entries.repository.js';
import type { Outstanding } from './entries.repository.js';
import { isBrand } from './line.js';
import type { Line, LineTerms } from './line.js';
import type { PostingFact } from './posting-fact.js';
import { brandsOf, originalLineIds, priceLines } from './pricing.js';
import type { PriceBook, PriceTerms } from './pricing.js';

/** Turns postings of the ledger into priced lines of the partner ledger. */
@Injectable()
export class EntriesService {
  constructor(
    @Inject(CONFIG) private readonly config: SettlementConfig,
    private readonly directory: BrandDirectory,
    private readonly cycles: CyclesService,
    private readonly entries: EntriesRepository,
  ) {}

  /** Prices postings in order and writes their lines; what was written before stays untouched. */
  async record(tx: EntityManager, facts: readonly PostingFact[]): Promise<void> {
    const brands = await this.brands(facts);
    const earlier = await this.earlierTerms(tx, facts);
    const book = priceBook(brands, earlier, this.config.allianceCurrency);
    const lines: Line[] = [];
    for (const fact of facts) {
      for (const line of priceLines(fact, book)) {
        lines.push(line);
        // a give-back may follow what it undoes within the same batch
        if (line.type === 'redemption' || line.type === 'fee') earlier.set(line.id, line);
      }
    }
    await this.write(tx, lines);
  }

  /** Files lines in the cycles of their posting times; what was written before stays untouched. */
  async write(tx: EntityManager, lines: readonly Line[]): Promise<void> {
    if (lines.length === 0) return;
    const regular = await this.cycles.placeRegular(tx, lines);
    if (regular !== null) {
      await this.entries.insert(tx, lines, regular);
      return;
    }
    // A month without a cycle, or one that takes no more: rare, so only here it is worth asking what is a mere replay.
    const known = await this.entries.existing(
      tx,
      lines.map((line) => line.id),
    );
    const fresh = lines.filter((line) => !known.has(line.id));
    await this.entries.insert(tx, fresh, await this.cycles.place(tx, fresh));
  }

  /** Ids of the lines of commission legs, by leg. */
  ofLegs(tx: EntityManager, legs: readonly string[]): Promise<Map<string, string>> {
    return this.entries.ofLegs(tx, legs);
  }

  /** Points outstanding by issuer, over all cycles; the transaction must see all rows. */
  outstanding(tx: EntityManager): Promise<Outstanding[]> {
    return this.entries.outstanding(tx);
  }

  private async brands(facts: readonly PostingFact[]): Promise<Map<string, Brand>> {
    const slugs = [...new Set(facts.flatMap(brandsOf))];
    const found = await Promise.all(
      slugs.map(async (slug) => this.directory.peek(slug) ?? (await this.directory.get(slug))),
    );
    const brands = new Map<string, Brand>();
    slugs.forEach((slug, i) => {
      const brand = found[i];
      // its news may still be under way; the event is tried again
      if (brand === null || brand === undefined) fail('unavailable', { detail: `Brand ${slug} is not known yet.` });
      brands.set(slug, brand);
    });
    return brands;
  }

  private async earlierTerms(tx: EntityManager, facts: readonly PostingFact[]): Promise<Map<string, LineTerms>> {
    const terms = await this.entries.terms(tx, [...new Set(facts.flatMap(originalLineIds))]);
    return new Map(terms.map((term) => [term.id, term]));
  }
}

const micro = (price: string): bigint => Decimal.parse(price).toScaled(MICRO_SCALE);

function priceBook(
  brands: ReadonlyMap<string, Brand>,
  earlier: ReadonlyMap<string, LineTerms>,
  allianceCurrency: string,
): PriceBook {
  const known = (slug: string): Brand =>
    brands.get(slug) ?? fail('unavailable', { detail: `Brand ${slug} is missing.` });
  const terms = new Map<string, PriceTerms>();
  return {
    currencyOf: (slug) => (isBrand(slug) ? known(slug).currency : allianceCurrency),
    termsAt(slug, at) {
      const contract = contractAt(known(slug), at);
      // The ledger checked the contract, so a newer version of the brand is under way.
      if (contract === null)
        return fail('unavailable', { detail: `No contract of ${slug} is known for ${at.toISOString()}.` });
      const cached = terms.get(contract.id);
      if (cached !== undefined) return cached;
      const fresh: PriceTerms = {
        fundingMode: contract.fundingMode,
        currency: contract.currency,
        reimbursementMicro: micro(contract.reimbursementPrice),
        operatorFeeMicro: micro(contract.operatorFee),
        feeOnOwn: contract.feeOnOwn,
      };
      terms.set(contract.id, fresh);
      return fresh;
    },
    lineTerms: (id) => earlier.get(id),
  };
}
