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

/** What the ledger core reads of the configuration. */
export interface PostingsConfig {
  readonly databaseUrl: string;
  /** Number of this process among the instances of its service; only for people. */
  readonly instance: number;
  readonly lanes: number;
}

/** Items that may wait in one lane; beyond that the caller hears `queue_full`. */
const CAPACITY = 2_000;
/** How long an item may wait before it is dropped unsent, unless the caller says otherwise. */
const PATIENCE_MS = 10_000;
/** Wallets of one batch of an early expiry. */
const EXPIRE_BATCH = 200;
const DUE_STATEMENT_MS = 60_000;
/** How long one operation in a large wallet may take. */
const LARGE_STATEMENT_MS = 30_000;
const QUEUE_WATCH_MS = 1_000;

const queued = gauge('hezong_ledger_queue_items', 'Operations that wait for a lane.', ['instance']);

const unsettled = gauge('hezong_ledger_unsettled_wallets', 'Wallets in which due work fails.', []);

/** What a look for due work did: how many things, and the wallets in which it could not be done. */
export interface DueDone {
  readonly done: number;
  readonly failed: readonly string[];
}

/**
 * The only way to move points. Every method resolves after its transaction committed, never before.
 * Throws DomainErrors: `idempotency_conflict`, `queue_full`, `unavailable`, `outcome_unknown`, and `not_found` for an order or
 * authorization that is not this wallet's. Declines are outcomes, not errors.
 */
@Injectable()
export class PostingsService implements OnApplicationShutdown {
  private readonly sessions: LaneSession[];
  private readonly lanes: Lane[];
  private readonly large: LargeWallets;
  /** Due work and early expiry have a connection of their own, so that they never hold up a till. */
  private readonly due: LaneSession;
  private readonly waker: RelayWaker;
  private dueQueue: Promise<unknown> = Promise.resolve();

  constructor(@Inject(CONFIG) config: PostingsConfig) {
    this.waker = new RelayWaker(config.databaseUrl);
    const world = {
      // waiting times are real time, whatever the alliance's clock says
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

  /** Goes wallet by wallet in small transactions; a repeat after a crash goes on where it stopped and answers for the whole. */
  async expire(op: Expiration): Promise<PostingOutcome> {
    const item = encodeExpiration(op);
    const some = (): Promise<OutcomeRow[]> =>
      this.onDue<OutcomeRow>('ledger-expire', 'ledger_expire_v1($1, $2, $3)', async () => [
        op.now,
        await this.due.composites('ledger_expiration_item', [[item]]),
        EXPIRE_BATCH,
      ]);
    for (;;) {
      // who was beaten to one of its keys finds by a repeat what it was used for
      const [row] = await some().catch((error: unknown) => {
        if (isBeaten(error)) return some();
        throw error;
      });
      if (row === undefined) throw new Error('ledger_expire_v1 gave no answer');
      if (row.verdict !== 'continue') return outcomeOf(row, op);
    }
  }

  /** Does what is due in one wallet, and waits for no other wallet's due work. */
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
   * Does what is due in up to `limit` wallets of each kind; to be called again until it is nothing. A wallet that can't be settled holds up
   * no other one: it is named, and left alone for a while.
   */
  async settleDue(now: Date, limit: number): Promise<DueDone> {
    const call = 'ledger_settle_due_v1($1, $2)';
    const [row] = await this.onDue<DueDone & { unsettled: number }>('ledger-settle-due', call, () => [now, limit]);
    const { done, failed, unsettled: left } = row ?? { done: 0, failed: [], unsettled: 0 };
    posted.inc({ kind: 'due' }, done);
    unsettled.set(left);
    return { done, failed };
  }

  /** Items that wait, over all lanes. */
  get depth(): number {
    return this.lanes.reduce((sum, lane) => sum + lane.depth, this.large.lane.depth);
  }

  /** Finishes what was accepted, then closes the connections. */
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
      // written out: this path is too busy for spreading objects
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

  /** One statement at a time on the connection of due work. */
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

/** Until when an item may wait whose caller did not say: real time, ms. */
function patience(): number {
  return performance.timeOrigin + performance.now() + PATIENCE_MS;
}

function tracedBy(): string | null {
  const context = currentContext();
  return context?.sampled === true ? context.traceparent : null;
}

/** Same cell, same lane, so that two lanes of one process never wait for each other's wallets. */
export function laneOf(walletId: string, lanes: number): number {
  return cellOf(walletId) % lanes;
}
