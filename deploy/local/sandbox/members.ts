import { ApiError } from '../replay/api.js';
import type { Api } from '../replay/api.js';
import type { Credentials } from '../network/sandbox-file.js';

/** A household's mobile number: the same at every brand, so that the alliance recognizes one person. */
export function phoneOf(household: string): string {
  return `+86138${household.padStart(8, '0')}`;
}

/** Contributes households to the alliance at their first order at a brand, and remembers each brand's memberRef. */
export class Members {
  private readonly refs = new Map<string, Promise<string>>();
  /** Number of members that this object contributed or looked up. */
  count = 0;

  constructor(
    private readonly api: Api,
    private readonly credentials: (brand: string) => Credentials,
  ) {}

  /** @param since when the household first bought at the brand: part of the body, so it must not depend on the run */
  ref(brand: string, household: string, since: Date): Promise<string> {
    const key = `${brand} ${household}`;
    const known = this.refs.get(key);
    if (known !== undefined) return known;
    const made = this.contribute(brand, household, since);
    this.refs.set(key, made);
    made.then(
      () => (this.count += 1),
      () => this.refs.delete(key),
    );
    return made;
  }

  private async contribute(brand: string, household: string, since: Date): Promise<string> {
    const externalId = `${brand}-${household}`;
    const as = this.credentials(brand);
    const body = {
      externalId,
      phone: phoneOf(household),
      consents: [
        { purpose: 'join_pool', granted: true, policyVersion: '2026-01', channel: 'store', at: since.toISOString() },
      ],
    };
    try {
      return (await this.api.need<{ memberRef: string }>(as, 'POST', '/v1/members', body)).memberRef;
    } catch (error) {
      // Another run contributed this household with another date: it is already a member.
      if (!(error instanceof ApiError) || error.problem.code !== 'idempotency_conflict') throw error;
      return this.find(as, externalId);
    }
  }

  private async find(as: Credentials, externalId: string): Promise<string> {
    const path = `/v1/members?externalId=${encodeURIComponent(externalId)}`;
    const found = await this.api.need<{ memberRef?: string; data?: { memberRef: string }[] }>(as, 'GET', path);
    const ref = found.memberRef ?? found.data?.[0]?.memberRef;
    if (ref === undefined) throw new Error(`${externalId} is neither a member nor free`);
    return ref;
  }
}
