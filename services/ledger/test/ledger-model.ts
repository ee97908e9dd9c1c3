/** The ledger as a page of plain code, with which the database must agree operation by operation. */
export interface ModelLot {
  id: string;
  issuer: string;
  remaining: number;
  held: number;
  /** Expired points not yet deducted from a return of what they were given for. */
  lapsed: number;
  pending: boolean;
  /** Null with `pending`: until the order is delivered. */
  availableFrom: number | null;
  expiresAt: number | null;
  closedEarly: boolean;
  earnedAt: number;
  origin: string;
  campaign: string | null;
  /** Null: spendable everywhere. */
  places: string[] | null;
}

export interface ModelDebt {
  issuer: string;
  origin: string;
  points: number;
  /** The written-off part that no released points have repaid since. */
  writtenOff: number;
  since: number;
}

interface ModelHold {
  id: string;
  expiresAt: number;
  status: string;
  captured: number;
  returned: number;
  lots: { lot: ModelLot; left: number }[];
  uses: { lot: ModelLot; points: number }[];
}

export interface ModelAnswer {
  verdict: string;
  code: string | null;
  limit: number | null;
  numbers: { available: number; held: number; pending: number; debt: number; balance: number };
  /** Where the points of a return or a delivery went; otherwise null. */
  found: Found | null;
}

type Found = Record<string, number>;

export interface ModelNewLot {
  id: string;
  issuer: string;
  points: number;
  availableFrom: number | null;
  untilDelivered: boolean;
  expiresAt: number | null;
  campaign: string | null;
  places: string[] | null;
}

/** A place of spending, and the criteria that come before expiry there. */
export interface ModelPlace {
  brand: string;
  store: string | null;
  prefers: readonly string[];
}

export interface ModelPart {
  issuer: string;
  points: number;
}

const DAY = 86_400_000;
const far = Number.MAX_SAFE_INTEGER;
const drawOrder = (a: ModelLot, b: ModelLot): number =>
  (a.expiresAt ?? far) - (b.expiresAt ?? far) || a.earnedAt - b.earnedAt || (a.id < b.id ? -1 : 1);
const limitedBefore = (a: ModelLot, b: ModelLot): number => Number(a.places === null) - Number(b.places === null);
const sum = (numbers: number[]): number => numbers.reduce((total, n) => total + n, 0);

/** One wallet. Every operation first does the work due by then, and released points repay debts. */
export class ModelWallet {
  readonly lots: ModelLot[] = [];
  readonly debts: ModelDebt[] = [];
  readonly holds = new Map<string, ModelHold>();
  private readonly returnVersions = new Map<string, number>();

  numbers(): ModelAnswer['numbers'] {
    const spendable = sum(this.lots.filter((lot) => !lot.pending).map((lot) => lot.remaining));
    const pending = sum(this.lots.filter((lot) => lot.pending).map((lot) => lot.remaining));
    const held = sum(this.lots.map((lot) => lot.held));
    const debt = sum(this.debts.map(({ points }) => points));
    const balance = spendable - debt;
    return { available: Math.max(0, balance), held, pending, debt, balance };
  }

  /** `stale`: the caller expected another version of the wallet. */
  accrue(now: number, origin: string, lots: ModelNewLot[], stale = false): ModelAnswer {
    this.settle(now);
    if (stale) return this.stale();
    for (const { points, untilDelivered, ...lot } of lots) {
      const pending = untilDelivered || (lot.availableFrom !== null && lot.availableFrom > now);
      const untouched = { held: 0, lapsed: 0, closedEarly: false };
      this.lots.push({ ...lot, ...untouched, remaining: points, pending, earnedAt: now, origin });
    }
    this.returnVersions.set(origin, 0);
    return this.created(now);
  }

  /** `names` maps the ids of the source lots to those of the other wallet's lots. */
  transfer(
    now: number,
    id: string,
    points: number,
    to: ModelWallet,
    prefers: readonly string[],
    names: ReadonlyMap<string, string>,
  ): ModelAnswer {
    this.settle(now);
    to.settle(now);
    const { balance } = this.numbers();
    if (balance < points) return this.declined('points_insufficient', Math.max(0, balance));
    const limitedFirst = prefers.includes('limited') ? limitedBefore : null;
    for (const { lot, points: taken } of drawn(points, this.spendable(), limitedFirst)) {
      lot.remaining -= taken;
      const name = names.get(lot.id);
      if (name === undefined) throw new Error(`no lot of the other wallet comes from ${lot.id}`);
      to.lots.push({ ...lot, id: name, remaining: taken, held: 0, lapsed: 0, origin: id });
    }
    to.settle(now);
    return this.created(now);
  }

  /** Reported `lateDays` after the delivery: the points live that much longer, unless they were closed early. */
  deliver(now: number, origin: string, lateDays: number): ModelAnswer {
    this.settle(now);
    const waiting = this.lots.filter((lot) => lot.origin === origin && lot.availableFrom === null && lot.pending);
    const points = sum(waiting.map(({ remaining }) => remaining));
    for (const lot of waiting) {
      lot.pending = false;
      if (lot.expiresAt !== null && !lot.closedEarly) lot.expiresAt += lateDays * DAY;
    }
    this.settle(now);
    const expired = sum(waiting.map(({ lapsed }) => lapsed));
    return this.created(now, { points: points - expired, expired });
  }

  reverse(now: number, origin: string, expectedVersion: number, parts: ModelPart[]): ModelAnswer {
    this.settle(now);
    const version = this.returnVersions.get(origin) ?? 0;
    if (version !== expectedVersion) return this.stale();
    this.returnVersions.set(origin, version + 1);
    return this.created(now, added(parts.map((part) => this.takeFrom(now, origin, part))));
  }

  takeBack(now: number, origin: string, part: ModelPart): ModelAnswer {
    this.settle(now);
    return this.created(now, this.takeFrom(now, origin, part));
  }

  authorize(
    now: number,
    id: string,
    points: number,
    expiresAt: number,
    atOnce: boolean,
    { brand, store, prefers }: ModelPlace,
  ): ModelAnswer {
    this.settle(now);
    const here = [brand, ...(store === null ? [] : [`${brand}/${store}`])];
    const lots = this.spendable().filter(
      ({ places }) => places === null || places.some((place) => here.includes(place)),
    );
    const most = Math.min(this.numbers().balance, sum(lots.map(({ remaining }) => remaining)));
    if (most < points) return this.declined('points_insufficient', Math.max(0, most));
    const hold: ModelHold = { id, expiresAt, status: 'authorized', captured: 0, returned: 0, lots: [], uses: [] };
    const ownBefore = (a: ModelLot, b: ModelLot): number => Number(b.issuer === brand) - Number(a.issuer === brand);
    const preferred = (a: ModelLot, b: ModelLot): number =>
      prefers.map((word) => (word === 'own' ? ownBefore(a, b) : limitedBefore(a, b))).find((n) => n !== 0) ?? 0;
    for (const { lot, points: taken } of drawn(points, lots, preferred)) {
      lot.remaining -= taken;
      lot.held += taken;
      hold.lots.push({ lot, left: taken });
    }
    this.holds.set(id, hold);
    if (atOnce) this.take(hold, points, true);
    return this.created(now);
  }

  capture(now: number, id: string, points: number | null, final: boolean): ModelAnswer {
    this.settle(now);
    const hold = this.hold(id);
    const left = openPoints(hold);
    if (left === 0) return this.refused(hold);
    if (points !== null && points > left) return this.declined('capture_exceeds_authorization', left);
    this.take(hold, points ?? left, final);
    return this.created(now);
  }

  void(now: number, id: string): ModelAnswer {
    this.settle(now);
    const hold = this.hold(id);
    if (openPoints(hold) === 0) return this.refused(hold);
    this.release(hold);
    hold.status = 'voided';
    return this.created(now);
  }

  giveBack(now: number, id: string, points: number): ModelAnswer {
    this.settle(now);
    const hold = this.hold(id);
    const limit = hold.captured - hold.returned;
    if (points > limit) return this.declined('return_exceeds_capture', limit);
    hold.returned += points;
    let left = points;
    for (const use of [...hold.uses].reverse()) {
      const back = Math.min(left, use.points);
      use.points -= back;
      use.lot.remaining += back;
      left -= back;
    }
    return this.created(now);
  }

  writeOff(now: number, issuer: string): ModelAnswer {
    this.settle(now);
    for (const debt of this.debts.filter((d) => d.issuer === issuer)) {
      debt.writtenOff += debt.points;
      debt.points = 0;
    }
    return this.created(now);
  }

  /** Early expiry; returns the points that expired immediately. */
  close(now: number, issuer: string, campaign: string | null): number {
    this.settle(now);
    let points = 0;
    for (const lot of this.lots) {
      if (lot.issuer !== issuer || (campaign !== null && lot.campaign !== campaign)) continue;
      if (lot.expiresAt !== null && lot.expiresAt <= now) continue;
      lot.expiresAt = now;
      lot.closedEarly = true;
      if (!lot.pending) points += lot.remaining;
    }
    this.settle(now);
    return points;
  }

  /** Work due happens at its own instant, however late the next access is; points already past their expiry then expire. */
  settle(now: number): void {
    const due = [
      ...this.lots
        .filter((lot) => lot.pending && lot.remaining > 0 && lot.availableFrom !== null && lot.availableFrom <= now)
        .map((lot) => ({ at: lot.availableFrom ?? 0, id: lot.id, happen: () => (lot.pending = false) })),
      ...[...this.holds.values()]
        .filter((hold) => openPoints(hold) > 0 && hold.expiresAt <= now)
        .map((hold) => ({ at: hold.expiresAt, id: hold.id, happen: () => this.runOut(hold) })),
    ];
    for (const { happen } of due.sort((a, b) => a.at - b.at || (a.id < b.id ? -1 : 1))) {
      happen();
      this.meetDebts();
    }
    this.meetDebts();
    for (const lot of this.lots) {
      if (lot.pending || lot.expiresAt === null || lot.expiresAt > now) continue;
      lot.lapsed += lot.remaining;
      lot.remaining = 0;
    }
  }

  /**
   * Per issuer: repays the oldest debt first, from lots by expiry. Lots that expired before the debt arose are skipped unless they
   * have its origin.
   */
  private meetDebts(): void {
    for (const debt of this.debts) {
      for (const lot of this.lots.filter((l) => !l.pending && l.issuer === debt.issuer).sort(drawOrder)) {
        if (lot.expiresAt !== null && lot.expiresAt <= debt.since && lot.origin !== debt.origin) continue;
        const pay = Math.min(lot.remaining, debt.points);
        lot.remaining -= pay;
        debt.points -= pay;
      }
    }
    // after a debt is written off, the member does not get the points as well
    for (const debt of this.debts) {
      for (const lot of this.lots.filter((l) => !l.pending && l.issuer === debt.issuer).sort(drawOrder)) {
        if (lot.expiresAt !== null && lot.expiresAt <= debt.since && lot.origin !== debt.origin) continue;
        const gone = Math.min(lot.remaining, debt.writtenOff);
        lot.remaining -= gone;
        debt.writtenOff -= gone;
      }
    }
  }

  /** Its own lots go in order of expiry, including expired ones: points lost from those count as taken back. */
  private takeFrom(now: number, origin: string, { issuer, points }: ModelPart): Found {
    let left = points;
    const found = { fromPending: 0, expired: 0, toDebt: 0 };
    const groups: ((lot: ModelLot) => boolean)[] = [
      (lot) => lot.pending && lot.origin === origin,
      (lot) => !lot.pending && lot.origin === origin,
      (lot) => !lot.pending && lot.origin !== origin,
    ];
    for (const belongs of groups) {
      for (const lot of this.lots.filter((l) => l.issuer === issuer && belongs(l)).sort(drawOrder)) {
        const gone = lot.origin === origin && !lot.pending ? Math.min(left, lot.lapsed) : 0;
        lot.lapsed -= gone;
        found.expired += gone;
        const take = Math.min(left - gone, lot.remaining);
        lot.remaining -= take;
        if (lot.pending) found.fromPending += take;
        left -= gone + take;
      }
    }
    if (left > 0) this.debts.push({ issuer, origin, points: left, writtenOff: 0, since: now });
    found.toDebt = left;
    return found;
  }

  private take(hold: ModelHold, points: number, final: boolean): void {
    let left = points;
    for (const part of hold.lots) {
      const take = Math.min(left, part.left);
      if (take === 0) continue;
      part.left -= take;
      part.lot.held -= take;
      left -= take;
      hold.uses.push({ lot: part.lot, points: take });
    }
    hold.captured += points;
    if (final) this.release(hold);
    hold.status = openPoints(hold) > 0 ? 'partially_captured' : 'captured';
  }

  private release(hold: ModelHold): void {
    for (const part of hold.lots) {
      part.lot.held -= part.left;
      part.lot.remaining += part.left;
      part.left = 0;
    }
  }

  private runOut(hold: ModelHold): void {
    this.release(hold);
    hold.status = 'expired';
  }

  private refused({ status }: ModelHold): ModelAnswer {
    return this.declined(status === 'expired' ? 'authorization_expired' : 'authorization_closed', null);
  }

  private hold(id: string): ModelHold {
    const hold = this.holds.get(id);
    if (hold === undefined) throw new Error(`the model has no hold ${id}`);
    return hold;
  }

  private spendable(): ModelLot[] {
    return this.lots.filter((lot) => !lot.pending && lot.remaining > 0);
  }

  private stale(): ModelAnswer {
    return { verdict: 'stale', code: null, limit: null, numbers: this.numbers(), found: null };
  }

  private created(now: number, found: Found | null = null): ModelAnswer {
    this.settle(now);
    return { verdict: 'created', code: null, limit: null, numbers: this.numbers(), found };
  }

  private declined(code: string, limit: number | null): ModelAnswer {
    return { verdict: 'declined', code, limit, numbers: this.numbers(), found: null };
  }
}

function added(all: readonly Found[]): Found {
  const total: Found = { fromPending: 0, expired: 0, toDebt: 0 };
  for (const found of all)
    for (const [what, points] of Object.entries(found)) total[what] = (total[what] ?? 0) + points;
  return total;
}

function openPoints(hold: ModelHold): number {
  return sum(hold.lots.map(({ left }) => left));
}

/** Draws points from lots: preferred lots first, then by expiry. */
function drawn(
  points: number,
  lots: ModelLot[],
  preferred: ((a: ModelLot, b: ModelLot) => number) | null,
): { lot: ModelLot; points: number }[] {
  const parts: { lot: ModelLot; points: number }[] = [];
  let left = points;
  for (const lot of [...lots].sort((a, b) => preferred?.(a, b) || drawOrder(a, b))) {
    if (left === 0) break;
    const taken = Math.min(left, lot.remaining);
    left -= taken;
    parts.push({ lot, points: taken });
  }
  return parts;
}
