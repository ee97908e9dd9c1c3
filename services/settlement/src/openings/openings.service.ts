import { Inject, Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import type { EntityManager } from 'typeorm';
import { InternalClient } from '#libs/auth';
import { CONFIG, idempotent } from '#libs/http';
import type { KeyedCall, Reply } from '#libs/http';
import { AllianceClock, fail, formatInstant, idFromUuid, uuidFromId, uuidv7 } from '#libs/kernel';
import { runInTransaction } from '#libs/postgres';
import { CyclesService } from '../cycles/cycles.service.js';
import { DaysService } from '../days/days.service.js';
import type { FiledLine } from '../entries/line.js';
import { ReaderIdsService } from '../ids/reader-ids.service.js';
import { brandParty, partyName } from '../parties/party.js';
import type { Party } from '../parties/party.js';
import type { SettlementConfig } from '../settlement.config.js';
import { totalId } from '../statements/statement-draft.js';
import { discloserOf, legsInOrder, openedLeg } from './opening.js';
import type { Decision, OpenedLeg, Opening } from './opening.js';
import type { OpeningDto } from './openings.dto.js';
import { OpeningsRepository } from './openings.repository.js';
import type { OpeningView, OpeningsView } from './openings.answers.js';

/** The consent that the member must have given at the brand whose customer they are. */
const PURPOSE = 'share_order_lines';

/** Opens single legs of totals, on record: a brand asks, the operator opens with the member's consent, both sides see it. */
@Injectable()
export class OpeningsService {
  constructor(
    @Inject(CONFIG) private readonly config: SettlementConfig,
    private readonly dataSource: DataSource,
    private readonly clock: AllianceClock,
    private readonly client: InternalClient,
    private readonly cycles: CyclesService,
    private readonly days: DaysService,
    private readonly ids: ReaderIdsService,
    private readonly repository: OpeningsRepository,
  ) {}

  /** Requests a leg of a total of the brand's statement. @throws DomainError `not_found`, `leg_unknown`, `opening_exists` */
  async ask(call: KeyedCall, cycle: string, body: OpeningDto): Promise<Reply<OpeningView>> {
    const reader = brandParty(call.brand);
    await this.cycles.get(cycle);
    return idempotent(this.dataSource, { ...call, route: 'openings.ask', body: [cycle, body] }, async (tx) => {
      const totals = await this.days.closedOf(tx, cycle, reader);
      const id = uuidFromId('ln', body.line);
      const total = totals.find((one) => totalId(one, cycle, (of, thing) => this.ids.of(of, thing)) === id);
      if (total === undefined || id === null) {
        return fail('leg_unknown', {
          errors: [{ pointer: '/line', code: 'unknown', detail: 'It is not in any total of a closed day.' }],
        });
      }
      // how many of a member's points expire follows from purchases at brands that no consent names
      if (total.type === 'expiry') {
        return fail('leg_unknown', {
          errors: [{ pointer: '/line', code: 'unknown', detail: 'Expired points are not opened one by one.' }],
        });
      }
      const legs = legsInOrder(await this.days.legsOf(tx, cycle, total), (lineId) => this.ids.salt(reader, lineId));
      const line = legs[body.leg - 1]?.line;
      if (line === undefined) {
        return fail('leg_unknown', {
          errors: [{ pointer: '/leg', code: 'out_of_range', detail: `It has ${legs.length}.` }],
        });
      }
      const counterparty = discloserOf(line, reader);
      const openingId = uuidv7();
      const opening: Opening = {
        id: openingId,
        cycle,
        day: total.day,
        asker: reader,
        totalId: id,
        leg: body.leg,
        lineId: line.id,
        counterparty,
        counterpartyLineId: line.reader === counterparty && counterparty !== null ? line.ownId : null,
        counterpartyOpeningId: this.ids.of(counterparty ?? '', `opening ${openingId}`),
        reason: body.reason,
        askedBy: call.caller,
        askedAt: this.clock.now(),
        decision: null,
      };
      if (!(await this.repository.insert(tx, opening))) fail('opening_exists');
      return { status: 201, body: openingDocument(opening, reader) };
    });
  }

  /** A brand's requests, and openings of its own customers' purchases; for the operator (null) all. */
  list(cycle: string, brand: string | null): Promise<OpeningsView> {
    const reader = brand === null ? null : brandParty(brand);
    return runInTransaction(this.dataSource, { brand: brand ?? '*' }, async (tx) => {
      const openings = await this.repository.list(tx, cycle, reader);
      return { data: openings.map((opening) => openingDocument(opening, reader)) };
    });
  }

  /** @throws DomainError `not_found` */
  one(cycle: string, id: string, brand: string | null): Promise<OpeningView> {
    const reader = brand === null ? null : brandParty(brand);
    return runInTransaction(this.dataSource, { brand: brand ?? '*' }, async (tx) =>
      openingDocument(await this.find(tx, cycle, id, reader), reader),
    );
  }

  /** The operator's decision. @throws DomainError `not_found`, `opening_decided`, `member_consent_missing` */
  async decide(
    call: KeyedCall,
    cycle: string,
    id: string,
    verdict: Decision['verdict'],
    reason: string,
  ): Promise<Reply<OpeningView>> {
    return idempotent(
      this.dataSource,
      { ...call, route: `openings.${verdict}`, body: [cycle, id, reason] },
      async (tx) => {
        await this.repository.lock(tx, id);
        const opening = await this.find(tx, cycle, id, null);
        if (opening.decision !== null) fail('opening_decided');
        const leg = verdict === 'opened' ? await this.open(tx, opening) : null;
        const decision: Decision = { verdict, by: call.caller, at: this.clock.now(), reason, leg };
        await this.repository.decide(tx, opening.id, decision);
        return { status: 200, body: openingDocument({ ...opening, decision }, null) };
      },
    );
  }

  private async find(tx: EntityManager, cycle: string, id: string, reader: Party | null): Promise<Opening> {
    const uuid = uuidFromId('op', id) ?? fail('not_found');
    const opening = await this.repository.find(tx, uuid, reader);
    return opening === null || opening.cycle !== cycle ? fail('not_found') : opening;
  }

  private async open(
    tx: EntityManager,
    { cycle, asker, totalId: id, lineId, counterparty }: Opening,
  ): Promise<OpenedLeg> {
    const totals = await this.days.closedOf(tx, cycle, asker);
    const total = totals.find((one) => totalId(one, cycle, (of, thing) => this.ids.of(of, thing)) === id);
    if (total === undefined) throw new Error('a published total is missing');
    const saltOf = (of: string): string => this.ids.salt(asker, of);
    const legs = legsInOrder(await this.days.legsOf(tx, cycle, total), saltOf);
    const leg = openedLeg(legs, lineId, saltOf);
    const line = legs.find((one) => one.line.id === lineId)?.line;
    if (leg === null || line === undefined) throw new Error('a leg that was counted is gone');
    if (counterparty !== null) await this.requireConsent(tx, line, counterparty);
    return leg;
  }

  /** Requires the member's consent at the brand whose customer made the purchase. That brand, not the asker, has it on record. */
  private async requireConsent(tx: EntityManager, line: FiledLine, counterparty: Party): Promise<void> {
    const acted = line.actor === partyName(counterparty) && line.actorMemberRef !== '' ? line.actorMemberRef : null;
    const memberRef = acted ?? (await this.repository.memberRef(tx, counterparty, line.walletId));
    if (memberRef === null) return fail('member_consent_missing');
    const word = await this.client.get<{ granted: boolean }>(
      `${this.config.crmUrl}/internal/v1/consents/${memberRef}/${PURPOSE}`,
    );
    if (word?.granted !== true) fail('member_consent_missing');
  }
}

/**
 * An opening as a reader sees it. The brand whose customer it concerns already has the line: it sees that the line was opened, for
 * whom and why. It shares no id, time, salt or proof with the asker.
 */
function openingDocument(opening: Opening, reader: Party | null): OpeningView {
  const { decision, asker, counterparty } = opening;
  const common = {
    cycle: opening.cycle,
    day: opening.day,
    askedBy: partyName(asker),
    reason: opening.reason,
    status: decision?.verdict ?? ('asked' as const),
    decidedBy: decision === null ? null : reader === null ? decision.by : 'operator',
    decision: decision?.reason ?? null,
  };
  if (reader !== null && reader !== asker) {
    const line = opening.counterpartyLineId;
    return {
      id: idFromUuid('op', opening.counterpartyOpeningId),
      line: line === null ? null : idFromUuid('ln', line),
      ...common,
    };
  }
  return {
    id: idFromUuid('op', opening.id),
    line: idFromUuid('ln', opening.totalId),
    // the leg's position is the asker's own
    leg: opening.leg,
    ...common,
    askedAt: formatInstant(opening.askedAt),
    decidedAt: decision === null ? null : formatInstant(decision.at),
    opened: decision?.leg ?? null,
    ...(reader === null
      ? { counterparty: counterparty === null ? null : partyName(counterparty), client: opening.askedBy }
      : {}),
  };
}
