import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { formatInstant, pointsToJson } from '#libs/kernel';
import { runInTransaction } from '#libs/postgres';
import { MemberLinks } from '../links/member-links.service.js';
import type { ConditionState } from './days.js';
import type { Standing } from './standing.js';
import { Standings } from './standings.service.js';
import { StandingsRepository } from './standings.repository.js';

/** The rank as members, brands and the operator read it. */
@Injectable()
export class Tiers {
  constructor(
    private readonly dataSource: DataSource,
    private readonly links: MemberLinks,
    private readonly standings: Standings,
    private readonly repository: StandingsRepository,
  ) {}

  /** @throws DomainError `not_found` */
  async ofMember(brand: string, memberRef: string): Promise<object> {
    const { walletId } = await this.links.of(brand, memberRef);
    // credits come from all brands; the answer holds sums alone
    const standing = await runInTransaction(this.dataSource, { brand: '*' }, (tx) =>
      this.standings.explain(tx, walletId),
    );
    return tierDocument(memberRef, standing);
  }

  /** Every change of the rank with the rules and figures it was decided by. @throws DomainError `not_found` */
  async historyOf(memberRef: string): Promise<object> {
    const { walletId } = await this.links.of('*', memberRef);
    const decisions = await runInTransaction(this.dataSource, { brand: '*' }, (tx) =>
      this.repository.decisionsOf(tx, walletId),
    );
    return {
      memberRef,
      data: decisions.map((d) => ({
        version: pointsToJson(d.version),
        from: d.from,
        to: d.to,
        source: d.source,
        effectiveAt: time(d.effectiveAt?.getTime() ?? null),
        ladderVersion: d.ladderVersion,
        inputs: d.inputs,
        decidedAt: formatInstant(d.decidedAt),
      })),
    };
  }
}

function time(at: number | null): string | null {
  return at === null ? null : formatInstant(new Date(at));
}

function conditions(states: readonly ConditionState[]): Record<string, object> {
  return Object.fromEntries(
    states.map(({ kind, needed, have, missing }) => [
      kind,
      { needed: pointsToJson(needed), have: pointsToJson(have), missing: pointsToJson(missing) },
    ]),
  );
}

function tierDocument(memberRef: string, standing: Standing): object {
  const { next, keeps, measure } = standing;
  return {
    memberRef,
    tier: standing.tier,
    rank: standing.rank,
    source: standing.source,
    earnedRank: standing.earnedRank,
    since: time(standing.since),
    until: time(standing.until),
    dropsAt: time(standing.dropsAt),
    credits: pointsToJson(measure.credits),
    visits: pointsToJson(measure.visits),
    brands: pointsToJson(measure.brands),
    next:
      next === null
        ? null
        : { tier: next.tier, rank: next.rank, anyOf: next.anyOf, missing: conditions(next.conditions) },
    keeps: keeps === null ? null : { by: time(keeps.by), anyOf: keeps.anyOf, ...conditions(keeps.conditions) },
    earnMultiplier: standing.earnMultiplier,
    funder: standing.funder,
    ladderVersion: standing.ladderVersion,
  };
}
