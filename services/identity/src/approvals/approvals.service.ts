import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import type { EntityManager } from 'typeorm';
import { ApprovalDesk } from '#libs/http';
import type { AskedApproval, GivenApproval, GuardedAct } from '#libs/http';
import { canonicalJson, decodeCursor, fail, formatInstant, namedHash, newId, pageOf } from '#libs/kernel';
import type { Page } from '#libs/kernel';
import { runInTransaction } from '#libs/postgres';
import type { Approval, ApprovalFilter } from './approval.js';
import { ApprovalsRepository } from './approvals.repository.js';
import type { ApprovalKey } from './approvals.repository.js';
import type { ApprovalView } from './approvals.answers.js';

const EVERYBODY = { brand: '*' };

/** Requests and decisions of approvals. Times are real time, not the test clock. */
@Injectable()
export class ApprovalsService extends ApprovalDesk {
  constructor(
    private readonly dataSource: DataSource,
    private readonly approvals: ApprovalsRepository,
  ) {
    super();
  }

  /** Checks again that maker and checker are both live and unrelated: this may have changed since the approval. */
  override given(act: GuardedAct): Promise<GivenApproval | null> {
    return this.run(async (tx) => {
      const approval = await this.approvals.open(tx, keyOf(act));
      if (approval === null || approval.checker === null) return null;
      const { id, checker, maker } = approval;
      return (await this.independent(tx, maker, checker)) ? { id, checker } : null;
    });
  }

  override approved(act: GuardedAct): Promise<GivenApproval | null> {
    return this.run(async (tx) => {
      const approval = await this.approvals.approved(tx, keyOf(act));
      return approval === null || approval.checker === null ? null : { id: approval.id, checker: approval.checker };
    });
  }

  /** @throws DomainError `approvals_too_many` */
  override ask(act: GuardedAct, used: string | null): Promise<AskedApproval> {
    return this.run(async (tx) => {
      if (used !== null) await this.approvals.use(tx, used);
      const key = keyOf(act);
      const open = await this.approvals.open(tx, key);
      const lapsed = open?.checker != null && !(await this.independent(tx, act.maker, open.checker));
      if (lapsed) await this.approvals.end(tx, open.id);
      // most repeats find the open approval and take no lock
      const asked =
        open === null || lapsed ? await this.approvals.ask(tx, newId('ap'), key, canonicalJson(act.payload)) : open;
      return { id: asked.id, payloadHash: asked.payloadHash, expiresAt: formatInstant(asked.expiresAt) };
    });
  }

  override async used(id: string): Promise<void> {
    await this.run((tx) => this.approvals.use(tx, id));
  }

  /** @throws DomainError `not_found`, `approval_state`, `maker_is_checker`, `validation_failed` if the hash is of another payload */
  approve(id: string, checker: string, payloadHash: string): Promise<ApprovalView> {
    return this.run(async (tx) => {
      const approval = (await this.approvals.lock(tx, id)) ?? fail('not_found');
      if (approval.payloadHash !== payloadHash) {
        const detail = 'This is the hash of something else.';
        fail('validation_failed', { errors: [{ pointer: '/payloadHash', code: 'mismatch', detail }] });
      }
      if (approval.state === 'approved' && approval.checker === checker) return documentOf(approval);
      if (approval.state !== 'pending') fail('approval_state', { extra: { state: approval.state } });
      await this.approvals.hold(tx, [approval.maker, checker]);
      if (!(await this.independent(tx, approval.maker, checker))) fail('maker_is_checker');
      await this.approvals.decide(tx, id, 'approved', checker, null);
      return this.document(tx, id);
    });
  }

  /**
   * Ends an unused approval. Any operator client may do so, including the maker.
   * @throws DomainError `not_found`, `approval_state`
   */
  refuse(id: string, by: string, reason: string | null): Promise<ApprovalView> {
    return this.run(async (tx) => {
      const { state, checker } = (await this.approvals.lock(tx, id)) ?? fail('not_found');
      if (state === 'refused' && checker === by) return this.document(tx, id);
      if (state !== 'pending' && state !== 'approved') fail('approval_state', { extra: { state } });
      await this.approvals.decide(tx, id, 'refused', by, reason);
      return this.document(tx, id);
    });
  }

  one(id: string): Promise<ApprovalView> {
    return this.run((tx) => this.document(tx, id));
  }

  list(filter: ApprovalFilter, page: { limit: number; after?: string | undefined }): Promise<Page<ApprovalView>> {
    const before = page.after === undefined ? null : String(decodeCursor(page.after, 1)[0]);
    return this.run(async (tx) => {
      const rows = await this.approvals.list(tx, filter, before, page.limit);
      const found = pageOf(rows, page.limit, ({ id }) => [id]);
      return { ...found, data: found.data.map(documentOf) };
    });
  }

  private async independent(tx: EntityManager, maker: string, checker: string): Promise<boolean> {
    return (await this.approvals.bothLive(tx, maker, checker)) && !(await this.approvals.akin(tx, maker, checker));
  }

  private async document(tx: EntityManager, id: string): Promise<ApprovalView> {
    return documentOf((await this.approvals.find(tx, id)) ?? fail('not_found'));
  }

  private run<T>(work: (tx: EntityManager) => Promise<T>): Promise<T> {
    return runInTransaction(this.dataSource, EVERYBODY, work);
  }
}

function keyOf({ act, maker, payload }: GuardedAct): ApprovalKey {
  return { act, maker, payloadHash: namedHash(canonicalJson(payload)) };
}

function documentOf(approval: Approval): ApprovalView {
  const { askedAt, expiresAt, decidedAt, usedAt, ...rest } = approval;
  return {
    ...rest,
    askedAt: formatInstant(askedAt),
    expiresAt: formatInstant(expiresAt),
    decidedAt: decidedAt === null ? null : formatInstant(decidedAt),
    usedAt: usedAt === null ? null : formatInstant(usedAt),
  };
}
