import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import type { EntityManager } from 'typeorm';
import { MemberLinks } from '#libs/directory';
import { Approvals, idempotent } from '#libs/http';
import type { Approve, KeyedCall, Reply } from '#libs/http';
import { AllianceClock, fail, formatInstant, newId } from '#libs/kernel';
import { runInTransaction } from '#libs/postgres';
import { LaddersService } from '../ladders/ladders.service.js';
import { StandingsService } from '../standings/standings.service.js';
import { stateOf } from './grant.js';
import type { TierGrant } from './grant.js';
import { GrantsRepository } from './grants.repository.js';
import type { TierGrantView } from './grants.answers.js';

export interface GrantRequest {
  readonly externalId: string;
  readonly memberRef: string;
  readonly source: 'match' | 'manual';
  readonly rank: number;
  /** null: from now on. */
  readonly from: Date | null;
  readonly to: Date;
  readonly reason: string;
  readonly proof: string | null;
}

/** Ranks given by the operator. They apply besides the earned rank, end by themselves and are never rewritten. */
@Injectable()
export class GrantsService {
  constructor(
    private readonly dataSource: DataSource,
    private readonly clock: AllianceClock,
    private readonly repository: GrantsRepository,
    private readonly links: MemberLinks,
    private readonly ladders: LaddersService,
    private readonly standings: StandingsService,
    private readonly approvals: Approvals,
  ) {}

  /**
   * Creates a grant. Every kind needs two people; otherwise one person could call any grant a match. @throws DomainError
   * `not_found`, `not_for_the_past`, `second_person_needed`
   */
  async create(request: GrantRequest, call: KeyedCall): Promise<Reply<TierGrantView>> {
    const { walletId } = await this.links.live(request.memberRef);
    const { externalId, ...body } = request;
    const operation = { ...call, route: 'tier-grants.create', businessKey: externalId, body };
    const give = async (tx: EntityManager, approve: Approve) => {
      const now = this.clock.now();
      const from = request.from ?? now;
      if (from < now || request.to <= from) fail('not_for_the_past');
      const { memberRef, source, rank, to, reason, proof } = request;
      const id = newId('tg');
      await this.ladders.held(tx);
      const act = { act: 'tier_grant.create', maker: call.client, payload: { externalId, ...body } };
      const approvedBy = await approve(tx, act);
      await this.repository.insert(tx, {
        id,
        walletId,
        memberRef,
        source,
        rank,
        from,
        to,
        reason,
        proof,
        madeBy: call.caller,
        madeAt: now,
        approvedBy,
        revoked: null,
      });
      await this.standings.evaluate(tx, [walletId]);
      return { status: 201, body: await this.document(tx, id) };
    };
    return this.approvals.guarded((approve) => idempotent(this.dataSource, operation, (tx) => give(tx, approve)));
  }

  /** Ends a grant early. @throws DomainError `not_found`, `tier_grant_state` */
  revoke(id: string, caller: string, reason: string): Promise<TierGrantView> {
    return runInTransaction(this.dataSource, { brand: '*' }, async (tx) => {
      const grant = (await this.repository.find(tx, id)) ?? fail('not_found');
      const now = this.clock.now();
      const state = stateOf(grant, now);
      if (state !== 'approved') fail('tier_grant_state', { extra: { state } });
      await this.ladders.held(tx);
      if (!(await this.repository.end(tx, id, { by: caller, at: now }, reason))) fail('tier_grant_state');
      await this.standings.evaluate(tx, [grant.walletId]);
      return this.document(tx, id);
    });
  }

  async one(id: string): Promise<TierGrantView> {
    return runInTransaction(this.dataSource, { brand: '*' }, (tx) => this.document(tx, id));
  }

  async ofMember(memberRef: string): Promise<TierGrantView[]> {
    const { walletId } = await this.links.live(memberRef);
    const grants = await runInTransaction(this.dataSource, { brand: '*' }, (tx) =>
      this.repository.ofWallets(tx, [walletId]),
    );
    return grants.map((grant) => grantDocument(grant, this.clock.now()));
  }

  private async document(tx: EntityManager, id: string): Promise<TierGrantView> {
    return grantDocument((await this.repository.find(tx, id)) ?? fail('not_found'), this.clock.now());
  }
}

function grantDocument(grant: TierGrant, now: Date): TierGrantView {
  return {
    id: grant.id,
    memberRef: grant.memberRef,
    source: grant.source,
    rank: grant.rank,
    state: stateOf(grant, now),
    from: formatInstant(grant.from),
    to: formatInstant(grant.to),
    reason: grant.reason,
    proof: grant.proof,
    madeBy: grant.madeBy,
    approvedBy: grant.approvedBy,
    revokedBy: grant.revoked?.by ?? null,
  };
}
