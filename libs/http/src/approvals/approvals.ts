import { Logger } from '@nestjs/common';
import type { FactoryProvider } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { InternalClient } from '#libs/auth';
import { fail, isDomainError } from '#libs/kernel';
import { Together } from './together.js';

/** An act that needs two people, before it is done. */
export interface GuardedAct {
  /** Name of the act: `payout.release`. */
  readonly act: string;
  /** Client that performs the act. */
  readonly maker: string;
  /** Full content of the act, as JSON. An approval is valid for exactly this content. */
  readonly payload: unknown;
}

export interface AskedApproval {
  readonly id: string;
  /** SHA-256 of the payload as canonical JSON (RFC 8785): `sha256:` and 64 hex digits. */
  readonly payloadHash: string;
  /** RFC 3339, real time. */
  readonly expiresAt: string;
}

/** An approval that was given and not yet used. */
export interface GivenApproval {
  readonly id: string;
  /** Client that gave it. */
  readonly checker: string;
}

/** Service that keeps approvals: identity, which knows the clients and who created them. */
export abstract class ApprovalDesk {
  /** Approval of exactly this act, by a client that is still allowed to approve; null when there is none. */
  abstract given(act: GuardedAct): Promise<GivenApproval | null>;
  /** Approval that somebody gave for exactly this act, used or not; null if nobody ever did. */
  abstract approved(act: GuardedAct): Promise<GivenApproval | null>;
  /** Requests an approval. Returns the earlier request if there is one, unless it is the `used` one. */
  abstract ask(act: GuardedAct, used: string | null): Promise<AskedApproval>;
  /** Reports that an approved act is done. */
  abstract used(id: string): Promise<void>;
}

/** Identity, called by the other services. */
class RemoteApprovalDesk extends ApprovalDesk {
  constructor(
    private readonly client: InternalClient,
    private readonly identityUrl: string,
  ) {
    super();
  }

  given(act: GuardedAct): Promise<GivenApproval | null> {
    return this.client.post<GivenApproval>(`${this.identityUrl}/internal/v1/approvals/given`, act);
  }

  approved(act: GuardedAct): Promise<GivenApproval | null> {
    return this.client.post<GivenApproval>(`${this.identityUrl}/internal/v1/approvals/approved`, act);
  }

  async ask(act: GuardedAct, used: string | null): Promise<AskedApproval> {
    const url = `${this.identityUrl}/internal/v1/approvals`;
    return (await this.client.post<AskedApproval>(url, { ...act, used })) ?? fail('unavailable');
  }

  async used(id: string): Promise<void> {
    await this.client.post(`${this.identityUrl}/internal/v1/approvals/${id}/used`, {});
  }
}

/** Approvals of a service that calls identity for them. */
export function approvalsProvider(identityUrl: string): FactoryProvider<Approvals> {
  return {
    provide: Approvals,
    inject: [InternalClient],
    useFactory: (client: InternalClient) => new Approvals(new RemoteApprovalDesk(client, identityUrl)),
  };
}

/** Uses up the approval of an act as the last step of the act's own transaction. Returns the approver: `client:<id>`. */
export type Approve = (tx: EntityManager, act: GuardedAct) => Promise<string>;

class SecondPersonNeeded extends Error {
  constructor(
    readonly act: GuardedAct,
    readonly spent: string | null,
  ) {
    super('a second person is required');
  }
}

/** DDL of the approvals used by this service, each once. */
export function approvalUseSql(): string {
  return `
    create table approval_use (
      approval_id text primary key,
      act text not null,
      maker text not null,
      checker text not null,
      used_at timestamptz not null default clock_timestamp(),
      constraint approval_use_two_people check (maker <> checker)
    );
  `;
}

/**
 * Acts that need two people. The maker calls. Without an approval of exactly this act nothing is done, an approval is requested, and
 * the call is refused. Another client approves, and the maker repeats the call. The approval is used up in the act's own transaction:
 * both commit or neither, and never twice.
 */
export class Approvals {
  private readonly log = new Logger(Approvals.name);
  private readonly questions = new Together<GivenApproval>();

  constructor(private readonly desk: ApprovalDesk) {}

  /** Runs work that needs approvals. @throws DomainError `second_person_needed` after the work was rolled back */
  async guarded<T>(work: (approve: Approve) => Promise<T>): Promise<T> {
    const used: string[] = [];
    const approve: Approve = async (tx, act) => {
      const approval = await this.desk.given(act);
      if (approval === null) throw new SecondPersonNeeded(act, null);
      const rows: unknown[] = await tx.query(
        `insert into approval_use (approval_id, act, maker, checker) values ($1, $2, $3, $4)
         on conflict do nothing returning approval_id`,
        [approval.id, act.act, act.maker, approval.checker],
      );
      if (rows.length === 0) throw new SecondPersonNeeded(act, approval.id);
      used.push(approval.id);
      return `client:${approval.checker}`;
    };
    try {
      const result = await work(approve);
      for (const id of used) await this.tell(id);
      return result;
    } catch (error) {
      if (!(error instanceof SecondPersonNeeded)) throw error;
      return await this.refuse(error.act, error.spent);
    }
  }

  /**
   * Returns the approver of an act that has its own key and needs no other guard against repetition. Concurrent calls for one act share
   * one request and get the same answer.
   * @param told further text of the refusal
   */
  given(act: GuardedAct, told: Readonly<Record<string, string>> = {}): Promise<GivenApproval> {
    return this.questions.run(
      JSON.stringify([act, told]),
      async () => (await this.desk.given(act)) ?? (await this.refuse(act, null, told)),
    );
  }

  /** Whether the checker (`client:<id>`) approved exactly this act. */
  async hasApproved(checker: string | null, act: GuardedAct): Promise<boolean> {
    const approval = await this.desk.approved(act);
    return approval !== null && checker === `client:${approval.checker}`;
  }

  /** Reports that an act is done. The act stands even if the report fails. */
  async tell(id: string): Promise<void> {
    try {
      await this.desk.used(id);
    } catch (error) {
      if (!isDomainError(error)) throw error;
      this.log.warn(`identity could not be informed that approval ${id} is used`);
    }
  }

  private async refuse(
    act: GuardedAct,
    spent: string | null,
    told: Readonly<Record<string, string>> = {},
  ): Promise<never> {
    const { id, payloadHash, expiresAt } = await this.desk.ask(act, spent);
    return fail('second_person_needed', { extra: { approval: id, payloadHash, expiresAt, ...told } });
  }
}
