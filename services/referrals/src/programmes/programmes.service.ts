import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import type { EntityManager } from 'typeorm';
import { Approvals, idempotent } from '#libs/http';
import type { Approve, KeyedCall, Outcome, Reply } from '#libs/http';
import { AllianceClock, Decimal, fail, formatInstant, MICRO_SCALE } from '#libs/kernel';
import { runInTransaction } from '#libs/postgres';
import type { Programme } from './programmes.tables.js';
import { programmeTermsFrom } from './programmes.dto.js';
import type { ProgrammeDto } from './programmes.dto.js';
import { ProgrammesRepository } from './programmes.repository.js';
import type { ProgrammeView, ProgrammesView } from './programmes.answers.js';

/** The most basis points that one client can give contributors without a second person. */
const CONTRIBUTOR_BP_ALONE = 1_000;

/** The operator's settings for the whole alliance, as a sequence of versions. */
@Injectable()
export class ProgrammesService {
  constructor(
    private readonly dataSource: DataSource,
    private readonly repository: ProgrammesRepository,
    private readonly clock: AllianceClock,
    private readonly approvals: Approvals,
  ) {}

  all(tx: EntityManager): Promise<Programme[]> {
    return this.repository.all(tx);
  }

  async list(): Promise<ProgrammesView> {
    const all = await runInTransaction(this.dataSource, { brand: '*' }, (tx) => this.repository.all(tx));
    return { data: all.map(programmeDocument) };
  }

  /**
   * Adds a version.
   * @throws DomainError `second_person_needed` for a version with a conversion price, or with more than a tenth for contributors
   */
  add(call: KeyedCall, body: ProgrammeDto): Promise<Reply<ProgrammeView>> {
    const terms = programmeTermsFrom(body);
    const set = async (tx: EntityManager, approve: Approve): Promise<Outcome<ProgrammeView>> => {
      const added = await this.repository.add(tx, {
        ...terms,
        createdBy: call.caller,
        createdAt: this.clock.now(),
      });
      const document = programmeDocument(added ?? fail('rule_conflict'));
      const most = Math.max(terms.contributorBp, terms.contributorFloorBp);
      if (terms.conversionPriceMicro !== null || most > CONTRIBUTOR_BP_ALONE) {
        const { conversionPriceMicro: _, validFrom, ...told } = terms;
        const payload = { ...told, conversionPrice: body.conversionPrice ?? null, validFrom: formatInstant(validFrom) };
        await approve(tx, { act: 'referral_programme.create', maker: call.client, payload });
      }
      return { status: 201, body: document };
    };
    const operation = { ...call, route: 'programmes.add', body };
    return this.approvals.guarded((approve) => idempotent(this.dataSource, operation, (tx) => set(tx, approve)));
  }
}

function programmeDocument(programme: Programme): ProgrammeView {
  const price = programme.conversionPriceMicro;
  return {
    version: programme.version,
    contributorBp: programme.contributorBp,
    contributorFloorBp: programme.contributorFloorBp,
    maxDepth: programme.maxDepth,
    signOff: programme.signOff,
    introducerDays: programme.introducerDays,
    returnDays: programme.returnDays,
    conversionPrice: price === null ? null : Decimal.fromScaled(price, MICRO_SCALE).toString(),
    validFrom: formatInstant(programme.validFrom),
    createdBy: programme.createdBy,
  };
}
