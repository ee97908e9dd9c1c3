import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import type { EntityManager } from 'typeorm';

import { BrandDirectory, limitsAt } from '#libs/directory';
import { Approvals, idempotent } from '#libs/http';
import type { Approve, KeyedCall, Outcome, Reply } from '#libs/http';
import {
  AllianceClock,
  canonicalJson,
  decodeCursor,
  fail,
  formatInstant,
  idFromUuid,
  pageOf,
  uuidFromId,
  uuidv7,
} from '#libs/kernel';
import type { FieldFault, Page } from '#libs/kernel';
import { runInTransaction } from '#libs/postgres';

import type { EarningRuleView, SampleView, SimulatedRuleView } from './earning-rules.answers.js';
import { ruleFrom, sampleOrderFrom } from './earning-rules.dto.js';
import type { EarningRuleDto, RulesQuery } from './earning-rules.dto.js';
import { EarningRulesRepository } from './earning-rules.repository.js';
import { evaluate } from './earning.js';
import type { EarningBasis } from './earning.js';
import { RuleBookService } from './rule-book.service.js';
import type { NewRule, RuleVersion } from './rule.js';

const OPERATOR = { brand: '*' };

/** Manages earning rules. Versions are added, never changed, and apply from the moment the call is answered. */
@Injectable()
export class EarningRulesService {
  constructor(
    private readonly dataSource: DataSource,
    private readonly directory: BrandDirectory,
    private readonly repository: EarningRulesRepository,
    private readonly book: RuleBookService,
    private readonly approvals: Approvals,
    private readonly clock: AllianceClock,
  ) {}

  /**
   * Adds a version. Content equal to the newest version returns that version. A rule that gives more than the limit needs two people.
   * @throws DomainError `second_person_needed`
   */
  async add(call: KeyedCall, body: EarningRuleDto): Promise<Reply<EarningRuleView>> {
    if (body.sampleOrder) {
      const detail = 'Only with ?simulate=true.';
      fail('validation_failed', { errors: [{ pointer: '/sampleOrder', code: 'not_allowed', detail }] });
    }
    const rule = await this.checked(body);
    let same = false;
    const brand = (await this.directory.get(rule.brand)) ?? fail('not_found');
    const { perMinorUnit } = limitsAt(brand, this.clock.now());
    const large = rule.earn.points > rule.earn.per * BigInt(perMinorUnit);
    const work = async (tx: EntityManager, approve: Approve): Promise<Outcome<EarningRuleView>> => {
      const newest = await this.repository.newestForUpdate(tx, rule.brand, rule.name);
      same = newest !== null && canonicalJson(ruleView(newest, null, 0)) === canonicalJson(ruleView(rule, null, 0));
      if (same && newest !== null) return { status: 201, body: ruleView(newest, newest.id, newest.version) };
      const uuid = uuidv7();
      const version = (newest?.version ?? 0) + 1;
      await this.repository.add(tx, uuid, version, rule);
      if (large)
        await approve(tx, { act: 'earning_rule.large', maker: call.client, payload: ruleView(rule, null, version) });
      return { status: 201, body: ruleView(rule, idFromUuid('er', uuid), version) };
    };
    const outcome = await this.approvals.guarded((approve) =>
      idempotent(this.dataSource, { ...call, route: 'earning-rules.create', body }, (tx) => work(tx, approve)),
    );
    this.book.forget(rule.brand);
    return outcome.orRepeated(same);
  }

  /**
   * Returns the answer that adding the rule would give and, for a sample order, the points it would earn under all rules of the brand.
   */
  async simulate(body: EarningRuleDto): Promise<SimulatedRuleView> {
    const rule = await this.checked(body);
    const newest = await runInTransaction(this.dataSource, OPERATOR, (tx) =>
      this.repository.newestVersion(tx, rule.brand, rule.name),
    );
    const version = newest + 1;
    const view = ruleView(rule, null, version);
    if (!body.sampleOrder) return view;
    const order = sampleOrderFrom(body.sampleOrder);
    const others = await this.book.inForce(rule.brand, order.occurredAt);
    return { ...view, sampleOrder: sample([...others, { ...rule, id: 'er_simulated', version }], order) };
  }

  async find(id: string): Promise<EarningRuleView> {
    const uuid = uuidFromId('er', id) ?? fail('not_found');
    const rule = await runInTransaction(this.dataSource, OPERATOR, (tx) => this.repository.find(tx, uuid));
    return rule === null ? fail('not_found') : ruleView(rule, rule.id, rule.version);
  }

  async list(query: RulesQuery): Promise<Page<EarningRuleView>> {
    const after = query.after === undefined ? null : uuidFromId('er', String(decodeCursor(query.after, 1)[0]));
    if (query.after !== undefined && after === null) fail('cursor_invalid');
    const filter = { brand: query.brand ?? null, name: query.name ?? null };
    const rows = await runInTransaction(this.dataSource, OPERATOR, (tx) =>
      this.repository.page(tx, filter, after, query.limit + 1),
    );
    const page = pageOf(rows, query.limit, ({ rule }) => [rule.id]);
    return { ...page, data: page.data.map(({ rule }) => ruleView(rule, rule.id, rule.version)) };
  }

  private async checked(body: EarningRuleDto): Promise<NewRule> {
    const rule = ruleFrom(body);
    const brand = await this.directory.get(rule.brand);
    const faults: FieldFault[] = [];
    if (brand === null) faults.push({ pointer: '/brand', code: 'not_found', detail: 'There is no such brand.' });
    rule.match.stores.forEach((store, index) => {
      if (brand === null || brand.stores.some(({ ref }) => ref === store)) return;
      faults.push({ pointer: `/match/stores/${index}`, code: 'store_unknown', detail: 'names no store of this brand' });
    });
    if (faults.length > 0) fail('validation_failed', { errors: faults });
    return rule;
  }
}

function sample(rules: readonly RuleVersion[], order: EarningBasis): SampleView {
  const earning = evaluate(rules, order);
  return {
    points: Number(earning.points),
    lines: earning.lines.map(({ lineId, points }) => ({ lineId, points: Number(points) })),
    trace: earning.trace,
  };
}

function ruleView<Id extends string | null>(
  rule: NewRule,
  id: Id,
  version: number,
): Omit<EarningRuleView, 'id'> & { id: Id } {
  const { brand, name, validFrom, validTo, match, earn, rounding, pendingDays, pendingUntil, expiry, priority } = rule;
  return {
    id,
    brand,
    name,
    version,
    validFrom: formatInstant(validFrom),
    validTo: validTo === null ? null : formatInstant(validTo),
    match,
    earn: { points: Number(earn.points), per: Number(earn.per) },
    rounding,
    pendingDays,
    ...(pendingUntil === undefined ? {} : { pendingUntil }),
    expiry: expiry.kind === 'fixed' ? { kind: 'fixed', at: formatInstant(expiry.at) } : expiry,
    priority,
  };
}
