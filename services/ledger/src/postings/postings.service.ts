import { setTimeout as sleep } from 'node:timers/promises';
import { Inject, Injectable } from '@nestjs/common';
import type { OnApplicationShutdown } from '@nestjs/common';
import { CONFIG } from '#libs/http';
import { cellOf, DomainError } from '#libs/kernel';
import { currentContext, gauge } from '#libs/observability';
import {
  encodeAccrual,
  encodeAuthorization,
  encodeCapture,
  encodeDelivery,
  encodeExpiration,
  encodeRedemptionReturn,
  encodeReversal,
  encodeTakeBack,
  encodeTransfer,
  encodeVoid,
} from './encoding.js';
import type { EncodedItem } from './encoding.js';
import { LostConnection, NoConnection } from './item.js';
import type { BatchKind, OutcomeRow } from './item.js';
import { HASTY_MS, LaneSession, posted } from './lane.session.js';
import { isBeaten, Lane, LargeWallets } from './lane.js';
import { outcomeOf } from './outcome.js';
import type {
  Accrual,
  AccrualReversal,
  Authorization,
  Capture,
  Delivery,
  Expiration,
  PostingOutcome,
  RedemptionReturn,
  TakeBack,
  Transfer,
  Void,
  WalletOperation,
} from './posting.js';
import { RelayWaker } from './relay-waker.js';

/** The ledger core's part of the configuration. */
export interface PostingsConfig {
  readonly databaseUrl: string;
  /** Number of this process among the instances of its service; informational only. */
  readonly instance: number;
  readonly lanes: number;
}

/** Most items that may wait in one lane; beyond that the caller gets `queue_full`. */
const CAPACITY = 2_000;
/** How long an item may wait before it is dropped unsent, unless the caller specifies otherwise. */
const PATIENCE_MS = 10_000;
/** Wallets of one batch of an early expiry. */
const EXPIRE_BATCH = 200;
const DUE_STATEMENT_MS = 60_000;
/** How long one operation in a large wallet may take. */
const LARGE_STATEMENT_MS = 30_000;
const QUEUE_WATCH_MS = 1_000;

const queued = gauge('hezong_ledger_queue_items', 'Operations that wait for a lane.', ['instance']);

const unsettled = gauge('hezong_ledger_unsettled_wallets', 'Wallets in which due work fails.', []);

/** Result of a search for due work: the number of things done, and the wallets in which it failed. */
export interface DueDone {
  readonly done: number;
  readonly failed: readonly string[];
}

/**
 * The only way to move points. Every method resolves after its transaction has committed.
 * @throws DomainError `idempotency_conflict`, `queue_full`, `unavailable`, `outcome_unknown`, and `not_found` for an order or
 * authorization that does not belong to the wallet. Declines are outcomes, not errors.
 */
@Injectable()
export class PostingsService implements OnApplicationShutdown {
  private readonly sessions: LaneSession[];
  private readonly lanes: Lane[];
  private readonly large: LargeWallets;
  /** Due work and early expiry have their own connection, so that they never delay a till. */
  private readonly due: LaneSession;
  private readonly waker: RelayWaker;
  private dueQueue: Promise<unknown> = Promise.resolve();

  constructor(@Inject(CONFIG) config: PostingsConfig) {
    this.waker = new RelayWaker(config.databaseUrl);
    const world = {
      // waiting times are real time, whatever the alliance clock shows
      now: () => performance.timeOrigin + performance.now(),
      sleep: (ms: number) => sleep(ms),
      pause: (ms: number, signal: AbortSignal) => sleep(ms, undefined, { signal }).catch(() => undefined),
      // eslint-disable-next-line no-restricted-properties -- only spreads retries
      random: () => Math.random(),
      committed: () => this.waker.wake(),
    };
    this.sessions = Array.from(
      { length: config.lanes },
      (_, lane) => new LaneSession(config.databaseUrl, `hezong-lane-${lane}`, HASTY_MS),
    );
    const slow = new LaneSession(config.databaseUrl, 'hezong-lane-large', LARGE_STATEMENT_MS);
    const large = new LargeWallets(new Lane(slow, world, CAPACITY));
    this.lanes = this.sessions.map((session) => new Lane(session, world, CAPACITY, large));
    this.sessions.push(slow);
    this.large = large;
    this.due = new LaneSession(config.databaseUrl, 'hezong-due', DUE_STATEMENT_MS);
    queued.set({ instance: config.instance }, 0);
    this.watch = setInterval(() => queued.set({ instance: config.instance }, this.depth), QUEUE_WATCH_MS);
    this.watch.unref();
  }

  private readonly watch: NodeJS.Timeout;

  accrue(op: Accrual): Promise<PostingOutcome> {
    return this.post('accrue', op.kind, op, () => encodeAccrual(op));
  }

  reverse(op: AccrualReversal): Promise<PostingOutcome> {
    return this.post('reverse', 'order_return', op, () => encodeReversal(op));
  }

  deliver(op: Delivery): Promise<PostingOutcome> {
    return this.post('deliver', 'delivery', op, () => encodeDelivery(op));
  }

  takeBack(op: TakeBack): Promise<PostingOutcome> {
    return this.post('take', op.kind, op, () => encodeTakeBack(op));
  }

  authorize(op: Authorization): Promise<PostingOutcome> {
    return this.post('authorize', 'authorization', op, () => encodeAuthorization(op));
  }

  capture(op: Capture): Promise<PostingOutcome> {
    return this.post('capture', 'capture', op, () => encodeCapture(op));
  }

  voidHold(op: Void): Promise<PostingOutcome> {
    return this.post('void', 'void', op, () => encodeVoid(op));
  }

  returnRedemption(op: RedemptionReturn): Promise<PostingOutcome> {
    return this.post('return', 'redemption_return', op, () => encodeRedemptionReturn(op));
  }

  transfer(op: Transfer): Promise<PostingOutcome> {
    return this.post('transfer', 'transfer', op, () => encodeTransfer(op), op.toWalletId);
  }

  /** Runs wallet by wallet in small transactions; a repeat after a crash continues where it stopped, and answers for the whole. */
  async expire(op: Expiration): Promise<PostingOutcome> {
    const item = encodeExpiration(op);
    const some = (): Promise<OutcomeRow[]> =>
      this.onDue<OutcomeRow>('ledger-expire', 'ledger_expire_v1($1, $2, $3)', async () => [
        op.now,
        await this.due.composites('ledger_expiration_item', [[item]]),
        EXPIRE_BATCH,
      ]);
    for (;;) {
      // another lane claimed one of the keys first; a repeat finds what the key was used for
      const [row] = await some().catch((error: unknown) => {
        if (isBeaten(error)) return some();
        throw error;
      });
      if (row === undefined) throw new Error('ledger_expire_v1 gave no answer');
      if (row.verdict !== 'continue') return outcomeOf(row, op);
    }
  }

  /** Does due work in one wallet, without waiting for due work of other wallets. */
  async settle(walletId: string, now: Date): Promise<void> {
    await new Promise((resolve, reject) => {
      this.laneFor(walletId).enqueue({
        common: {},
        own: {},
        lots: [],
        terms: [],
        kind: 'settle',
        walletId,
        key: `settle ${walletId}`,
        transportKey: null,
        postedAt: now,
        result: null,
        deadline: patience(),
        resolve,
        reject,
      });
    });
  }

  /**
   * Does due work in up to `limit` wallets of each kind; call it again until it returns nothing. A wallet that cannot be settled
   * delays no other: it is reported and skipped for a while.
   */
  async settleDue(now: Date, limit: number): Promise<DueDone> {
    const call = 'ledger_settle_due_v1($1, $2)';
    const [row] = await this.onDue<DueDone & { unsettled: number }>('ledger-settle-due', call, () => [now, limit]);
    const { done, failed, unsettled: left } = row ?? { done: 0, failed: [], unsettled: 0 };
    posted.inc({ kind: 'due' }, done);
    unsettled.set(left);
    return { done, failed };
  }

  /** Waiting items in all lanes. */
  get depth(): number {
    return this.lanes.reduce((sum, lane) => sum + lane.depth, this.large.lane.depth);
  }

  /** Finishes accepted items, then closes the connections. */
  async onApplicationShutdown(): Promise<void> {
    clearInterval(this.watch);
    await Promise.all(this.lanes.map((lane) => lane.drained()));
    await this.large.lane.drained();
    await this.dueQueue.catch(() => undefined);
    await Promise.all([...this.sessions, this.due, this.waker].map((session) => session.close()));
  }

  private post(
    batch: BatchKind,
    kind: string,
    op: WalletOperation,
    encode: () => EncodedItem,
    otherWalletId?: string,
  ): Promise<PostingOutcome> {
    return new Promise((resolve, reject) => {
      const { common, own, lots, terms } = encode();
      // fields are written out: this path is too busy for object spread
      this.laneFor(op.walletId).enqueue({
        common,
        own,
        lots,
        terms,
        kind: batch,
        walletId: op.walletId,
        otherWalletId,
        key: `${kind} ${op.brand} ${op.externalId}`,
        transportKey: op.transportKey == null ? null : `${op.brand} ${op.transportKey}`,
        postedAt: op.postedAt,
        result: op.result,
        trace: tracedBy(),
        deadline: op.deadline ?? patience(),
        resolve,
        reject,
      });
    });
  }

  private laneFor(walletId: string): Lane {
    const lane = this.lanes[laneOf(walletId, this.lanes.length)];
    if (lane === undefined) throw new Error('there are no lanes');
    return lane;
  }

  /** Runs one statement at a time on the connection of due work. */
  private onDue<Row>(name: string, call: string, values: () => unknown[] | Promise<unknown[]>): Promise<Row[]> {
    const mine = this.dueQueue
      .catch(() => undefined)
      .then(() => this.called(async () => this.due.query<Row>(name, `select * from ${call}`, await values())));
    this.dueQueue = mine;
    mine.catch(() => undefined);
    return mine;
  }

  private async called<Row>(query: () => Promise<Row[]>): Promise<Row[]> {
    try {
      const rows = await query();
      this.waker.wake();
      return rows;
    } catch (error) {
      if (error instanceof NoConnection) throw new DomainError('unavailable', {}, { cause: error });
      if (error instanceof LostConnection) throw new DomainError('outcome_unknown', {}, { cause: error });
      throw error;
    }
  }
}

/** Default deadline of an item: real time, ms. */
function patience(): number {
  return performance.timeOrigin + performance.now() + PATIENCE_MS;
}

function tracedBy(): string | null {
  const context = currentContext();
  return context?.sampled === true ? context.traceparent : null;
}

/** Wallets of the same cell use the same lane, so that two lanes of one process never wait for each other's wallets. */
export function laneOf(walletId: string, lanes: number): number {
  return cellOf(walletId) % lanes;
}
