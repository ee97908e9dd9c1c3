import { Injectable } from '@nestjs/common';
import type { AuditEntry, AuditFilter } from '#libs/http';
import { decodeCursor, fail, pageOf, parseInstant } from '#libs/kernel';
import type { Page } from '#libs/kernel';
import { NetworkClient } from '../network/network.client.js';

const PATIENCE_MS = 10_000;

/** The audit record of the whole network. Each service stores the operator's acts in its own database; they are merged here. */
@Injectable()
export class AuditService {
  constructor(private readonly network: NetworkClient) {}

  /**
   * Lists entries, newest first.
   * @throws DomainError `unavailable` if a service does not answer: an incomplete record is never returned
   */
  async page({ limit, after, ...filter }: AuditFilter): Promise<Page<AuditEntry>> {
    const query = new URLSearchParams({ limit: String(limit) });
    for (const [name, value] of Object.entries<unknown>({ ...filter, ...positionIn(after) })) {
      if (typeof value === 'string') query.set(name, value);
    }
    const parts = await this.network.askAll<{ data: AuditEntry[] }>(
      `/internal/v1/audit?${query.toString()}`,
      PATIENCE_MS,
    );
    const all = parts.flatMap(([, { data }]) => data).sort(newestFirst);
    return pageOf(all, limit, ({ at, service, seq }) => [at, service, seq]);
  }
}

/** End of the previous page, in the form that the services accept. */
function positionIn(after: string | undefined): Record<string, string> {
  if (after === undefined) return {};
  const [at, service, seq] = decodeCursor(after, 3);
  if (
    typeof at !== 'string' ||
    parseInstant(at) === null ||
    typeof service !== 'string' ||
    !Number.isSafeInteger(seq)
  ) {
    return fail('cursor_invalid');
  }
  return { afterAt: at, afterService: service, afterSeq: String(seq) };
}

/** Entries of the same instant are ordered by service name; cursors are compared in the same order. */
function newestFirst(a: AuditEntry, b: AuditEntry): number {
  if (a.at !== b.at) return a.at < b.at ? 1 : -1;
  if (a.service !== b.service) return a.service < b.service ? -1 : 1;
  return b.seq - a.seq;
}
