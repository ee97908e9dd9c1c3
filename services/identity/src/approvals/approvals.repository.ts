import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { fail } from '#libs/kernel';
import { APPROVAL_LIVES_HOURS, KIN_FOR_DAYS, OPEN_APPROVALS } from './approval.js';
import type { Approval, ApprovalFilter } from './approval.js';
import { APPROVALS } from './approvals.tables.js';

const OPEN = `state in ('pending', 'approved')`;

/** An open approval past `expires_at` counts as expired, even if its row does not say so yet. */
const STATE = `case when ${OPEN} and expires_at <= clock_timestamp() then 'expired' else state end`;

// where two columns have the same name, the last one is read
const SELECT = `select *, ${STATE} as state from`;

export interface ApprovalKey {
  readonly act: string;
  readonly maker: string;
  readonly payloadHash: string;
}

@Injectable()
export class ApprovalsRepository {
  /**
   * Returns the open approval of an act, or creates one. Expired approvals do not count against the limit.
   * @throws DomainError `approvals_too_many` if the maker already has the maximum number of open approvals
   */
  async ask(tx: EntityManager, id: string, key: ApprovalKey, payload: string): Promise<Approval> {
    const { act, maker, payloadHash } = key;
    // requests of one maker run one after another, so that concurrent ones cannot exceed the limit
    await tx.query('select pg_advisory_xact_lock(hashtextextended($1, 0))', [`approvals of ${maker}`]);
    await this.expireSome(tx, maker);
    const [approval] = await APPROVALS.query(
      tx,
      `with open as materialized (select * from approval where ${OPEN} and maker = $3),
       known as (select * from open where act = $2 and payload_hash = $5),
       made as (
         insert into approval (id, act, maker, payload, payload_hash, expires_at)
         select $1, $2, $3, $4::json, $5, clock_timestamp() + make_interval(hours => $6)
          where not exists (select from known) and (select count(*) from open) < $7 returning *)
       ${SELECT} (table known union all table made) approval`,
      [id, act, maker, payload, payloadHash, APPROVAL_LIVES_HOURS, OPEN_APPROVALS],
    );
    return approval ?? fail('approvals_too_many');
  }

  /** Marks as expired all overdue approvals of the maker and up to 100 of other makers, who may never ask again. */
  private async expireSome(tx: EntityManager, maker: string): Promise<void> {
    await tx.query(
      `update approval set state = 'expired' where ${OPEN} and expires_at <= clock_timestamp() and (maker = $1 or id in (select id from approval
         where ${OPEN} and expires_at <= clock_timestamp() order by expires_at limit 100 for update skip locked))`,
      [maker],
    );
  }

  /** Finds the pending or approved, unexpired approval of an act. */
  async open(tx: EntityManager, { act, maker, payloadHash }: ApprovalKey): Promise<Approval | null> {
    const [approval] = await APPROVALS.query(
      tx,
      `${SELECT} approval
        where ${OPEN} and maker = $1 and act = $2 and payload_hash = $3 and expires_at > clock_timestamp()`,
      [maker, act, payloadHash],
    );
    return approval ?? null;
  }

  /** Finds the approval of an act that was given, newest first. An act can be done and its approval end before it is reported used. */
  async approved(tx: EntityManager, { act, maker, payloadHash }: ApprovalKey): Promise<Approval | null> {
    const [approval] = await APPROVALS.query(
      tx,
      `select * from approval
        where maker = $1 and act = $2 and payload_hash = $3 and checker is not null and state <> 'refused'
        order by state = 'used' desc, id desc limit 1`,
      [maker, act, payloadHash],
    );
    return approval ?? null;
  }

  async find(tx: EntityManager, id: string): Promise<Approval | null> {
    return (await APPROVALS.query(tx, `${SELECT} approval where id = $1`, [id]))[0] ?? null;
  }

  async lock(tx: EntityManager, id: string): Promise<Approval | null> {
    return (await APPROVALS.query(tx, `${SELECT} approval where id = $1 for update`, [id]))[0] ?? null;
  }

  /** Returns one page, newest first, with one row more than the limit. */
  list(
    tx: EntityManager,
    { state, act, maker, brand }: ApprovalFilter,
    before: string | null,
    limit: number,
  ): Promise<Approval[]> {
    return APPROVALS.query(
      tx,
      `${SELECT} approval where ($1::text is null or ${STATE} = $1) and ($2::text is null or id < $2)
          and ($4::text is null or act = $4) and ($5::text is null or maker = $5)
          and ($6::text is null or payload ->> 'brand' = $6) ${state === 'pending' ? "and state = 'pending'" : ''}
        order by id desc limit $3`,
      [state, before, limit + 1, act, maker, brand],
    );
  }

  async decide(
    tx: EntityManager,
    id: string,
    verdict: 'approved' | 'refused',
    checker: string,
    reason: string | null,
  ): Promise<void> {
    await tx.query(
      'update approval set state = $2, checker = $3, reason = $4, decided_at = clock_timestamp() where id = $1',
      [id, verdict, checker, reason],
    );
  }

  async use(tx: EntityManager, id: string): Promise<void> {
    await tx.query(
      `update approval set state = 'used', used_at = clock_timestamp() where id = $1 and state = 'approved'`,
      [id],
    );
  }

  /** Expires an approved approval whose checker may no longer approve it. */
  async end(tx: EntityManager, id: string): Promise<void> {
    await tx.query(`update approval set state = 'expired' where id = $1 and state = 'approved'`, [id]);
  }

  /** Locks clients against change until the end of the transaction. */
  async hold(tx: EntityManager, clients: readonly string[]): Promise<void> {
    await tx.query('select from client where client_id = any($1) order by client_id for share', [clients]);
  }

  async bothLive(tx: EntityManager, one: string, other: string): Promise<boolean> {
    const rows: { live: bigint }[] = await tx.query(
      'select count(*) as live from client where client_id in ($1, $2) and revoked_at is null',
      [one, other],
    );
    return rows[0]?.live === 2n;
  }

  /**
   * Tells whether two clients are the same party: the same client, or linked within KIN_FOR_DAYS, over any number of steps, by
   * creating one another, by issuing one another a secret, or by a common origin.
   */
  async akin(tx: EntityManager, one: string, other: string): Promise<boolean> {
    const rows: { akin: boolean }[] = await tx.query(
      `with recursive given (client_id, giver, at) as (
         select client_id, made_by, created_at from client where made_by is not null
         union all select client_id, made_by, created_at from client_secret where made_by <> client_id
       ), kin (side, client_id) as (
         values (1, $1::text), (2, $2::text)
         union select k.side, g.giver from kin k join given g on g.client_id = k.client_id
          where g.at > clock_timestamp() - make_interval(days => $3)
       ) select exists (select from kin group by client_id having count(*) = 2) as akin`,
      [one, other, KIN_FOR_DAYS],
    );
    return rows[0]?.akin !== false;
  }
}
