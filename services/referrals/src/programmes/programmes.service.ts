import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import type { EntityManager } from 'typeorm';
import { Approvals, idempotent } from '#libs/http';
import type { Approve, KeyedCall, Outcome, Reply } from '#libs/http';
import { AllianceClock, canonicalJson, Decimal, fail, formatInstant, MICRO_SCALE } from '#libs/kernel';
import { runInTransaction } from '#libs/postgres';
import type { Programme } from './programmes.tables.js';
import type { ProgrammeTerms } from './programme.js';
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
   * Adds a version. Equal terms from the same instant get the first answer again.
   * @throws DomainError `rule_conflict` for other terms from the same instant, `second_person_needed` for a version with a conversion price, or with more than a tenth for contributors
   */
  async add(call: KeyedCall, body: ProgrammeDto): Promise<Reply<ProgrammeView>> {
    const terms = programmeTermsFrom(body);
    let same = false;
    const set = async (tx: EntityManager, approve: Approve): Promise<Outcome<ProgrammeView>> => {
      const wanted = { ...terms, createdBy: call.caller, createdAt: this.clock.now() };
      const added = await this.repository.add(tx, wanted);
      if (added === null) {
        const first = await this.repository.from(tx, terms.validFrom);
        same = canonicalJson(termsOf(first)) === canonicalJson(termsOf(wanted));
        return same ? { status: 201, body: programmeDocument(first) } : fail('rule_conflict');
      }
      const document = programmeDocument(added);
      const most = Math.max(terms.contributorBp, terms.contributorFloorBp);
      if (terms.conversionPriceMicro !== null || most > CONTRIBUTOR_BP_ALONE) {
        const { conversionPriceMicro: _, validFrom, ...told } = terms;
        const payload = { ...told, conversionPrice: body.conversionPrice ?? null, validFrom: formatInstant(validFrom) };
        await approve(tx, { act: 'referral_programme.create', maker: call.client, payload });
      }
      return { status: 201, body: document };
    };
    const operation = { ...call, route: 'programmes.add', body };
    const outcome = await this.approvals.guarded((approve) =>
      idempotent(this.dataSource, operation, (tx) => set(tx, approve)),
    );
    return outcome.orRepeated(same);
  }
}

function programmeDocument(programme: Programme): ProgrammeView {
  const { version, createdBy } = programme;
  return { version, ...termsOf(programme), createdBy };
}

function termsOf(programme: ProgrammeTerms): Omit<ProgrammeView, 'version' | 'createdBy'> {
  const price = programme.conversionPriceMicro;
  return {
    contributorBp: programme.contributorBp,
    contributorFloorBp: programme.contributorFloorBp,
    maxDepth: programme.maxDepth,
    signOff: programme.signOff,
    introducerDays: programme.introducerDays,
    returnDays: programme.returnDays,
    conversionPrice: price === null ? null : Decimal.fromScaled(price, MICRO_SCALE).toString(),
    validFrom: formatInstant(programme.validFrom),
  };
}
