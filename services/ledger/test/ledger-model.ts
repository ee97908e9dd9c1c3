/** The ledger as a page of plain code: what the database must agree with, operation by operation. */
export interface ModelLot {
  id: string;
  issuer: string;
  remaining: number;
  held: number;
  pending: boolean;
  debt: boolean;
  availableFrom: number | null;
  expiresAt: number | null;
  earnedAt: number;
  origin: string;
  campaign: string | null;
}

interface ModelHold {
  id: string;
  expiresAt: number;
  status: string;
  open: boolean;
  points: number;
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
}

export interface ModelNewLot {
  id: string;
  points: number;
  availableFrom: number | null;
  expiresAt: number | null;
  campaign: string | null;
}

const far = Number.MAX_SAFE_INTEGER;
const drawOrder = (a: ModelLot, b: ModelLot): number =>
  (a.expiresAt ?? far) - (b.expiresAt ?? far) || a.earnedAt - b.earnedAt || (a.id < b.id ? -1 : 1);

export class ModelWallet {
  readonly lots: ModelLot[] = [];
  readonly holds = new Map<string, ModelHold>();
  readonly returnVersions = new Map<string, number>();

  numbers(): ModelAnswer['numbers'] {
    let balance = 0;
    let held = 0;
    let pending = 0;
    let debt = 0;
    for (const lot of this.lots) {
      if (lot.debt) debt += lot.remaining;
      else if (lot.pending) pending += lot.remaining;
      else balance += lot.remaining;
      held += lot.held;
    }
    balance -= debt;
    return { available: Math.max(0, balance), held, pending, debt, balance };
  }

  accrue(now: number, origin: string, issuer: string, lots: ModelNewLot[]): ModelAnswer {
    this.sweep(now);
    for (const lot of lots) {
      const pending = lot.availableFrom !== null && lot.availableFrom > now;
      this.lots.push({ ...lot, issuer, remaining: lot.points, held: 0, pending, debt: false, earnedAt: now, origin });
    }
    this.returnVersions.set(origin, 0);
    this.sweep(now);
    this.repay(origin, issuer);
    return this.created();
  }

  reverse(
    now: number,
    purchase: string,
    issuer: string,
    expectedVersion: number,
    points: number,
    debtLotId: string,
  ): ModelAnswer {
    this.sweep(now);
    const version = this.returnVersions.get(purchase) ?? 0;
    if (version !== expectedVersion) return { ...this.created(), verdict: 'stale' };
    this.returnVersions.set(purchase, version + 1);
    let left = points;
    const groups: ((lot: ModelLot) => boolean)[] = [
      (lot) => lot.pending && lot.origin === purchase,
      (lot) => !lot.pending && lot.origin === purchase,
      (lot) => !lot.pending && lot.origin !== purchase,
    ];
    for (const belongs of groups) {
      for (const lot of this.lots.filter((l) => !l.debt && l.issuer === issuer && belongs(l)).sort(drawOrder)) {
        const take = Math.min(left, lot.remaining);
        lot.remaining -= take;
        left -= take;
      }
    }
    if (left > 0) {
      this.lots.push({
        id: debtLotId,
        issuer,
        remaining: left,
        held: 0,
        pending: false,
        debt: true,
        availableFrom: null,
        expiresAt: null,
        earnedAt: now,
        origin: purchase,
        campaign: null,
      });
    }
    return this.created();
  }

  authorize(now: number, id: string, points: number, expiresAt: number, atOnce: boolean): ModelAnswer {
    this.sweep(now);
    const { balance } = this.numbers();
    if (balance < points) return this.declined('points_insufficient', Math.max(0, balance));
    const hold: ModelHold = {
      id,
      expiresAt,
      status: 'authorized',
      open: true,
      points,
      captured: 0,
      returned: 0,
      lots: [],
      uses: [],
    };
    let left = points;
    for (const lot of this.lots.filter((l) => !l.debt && !l.pending && l.remaining > 0).sort(drawOrder)) {
      const take = Math.min(left, lot.remaining);
      if (take === 0) break;
      lot.remaining -= take;
      lot.held += take;
      left -= take;
      hold.lots.push({ lot, left: take });
    }
    this.holds.set(id, hold);
    if (atOnce) this.take(hold, points, true);
    return this.created();
  }

  capture(now: number, id: string, points: number | null, final: boolean): ModelAnswer {
    this.sweep(now);
    const hold = this.hold(id);
    const refused = this.refused(now, hold);
    if (refused !== null) return refused;
    const left = hold.lots.reduce((sum, part) => sum + part.left, 0);
    if (points !== null && points > left) return this.declined('capture_exceeds_authorization', left);
    this.take(hold, points ?? left, final);
    this.sweep(now);
    return this.created();
  }

  void(now: number, id: string): ModelAnswer {
    this.sweep(now);
    const hold = this.hold(id);
    const refused = this.refused(now, hold);
    if (refused !== null) return refused;
    this.release(hold);
    hold.status = 'voided';
    this.sweep(now);
    return this.created();
  }

  giveBack(now: number, id: string, points: number): ModelAnswer {
    this.sweep(now);
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
    this.sweep(now);
    return this.created();
  }

  expireHolds(now: number): void {
    for (const hold of this.holds.values()) {
      if (!hold.open || hold.expiresAt > now) continue;
      this.release(hold);
      hold.status = 'expired';
      this.sweep(now);
    }
  }

  releasePending(now: number): void {
    const due = this.lots.filter((l) => l.pending && l.remaining > 0 && (l.availableFrom ?? 0) <= now);
    for (const lot of due.sort((a, b) => (a.availableFrom ?? 0) - (b.availableFrom ?? 0) || (a.id < b.id ? -1 : 1))) {
      lot.pending = false;
      if (lot.expiresAt === null || lot.expiresAt > now) this.repay(lot.origin, lot.issuer);
    }
    this.sweep(now);
  }

  /** Early expiry; answers how many points went at once. */
  close(now: number, issuer: string, campaign: string | null): number {
    let points = 0;
    for (const lot of this.lots) {
      if (lot.debt || lot.issuer !== issuer || (campaign !== null && lot.campaign !== campaign)) continue;
      if (lot.remaining + lot.held === 0 || (lot.expiresAt !== null && lot.expiresAt <= now)) continue;
      lot.expiresAt = now;
      if (!lot.pending) points += lot.remaining;
    }
    this.sweep(now);
    return points;
  }

  sweep(now: number): void {
    for (const lot of this.lots) {
      if (!lot.debt && !lot.pending && lot.expiresAt !== null && lot.expiresAt <= now) lot.remaining = 0;
    }
  }

  private repay(origin: string, issuer: string): void {
    for (const lot of this.lots
      .filter((l) => !l.debt && !l.pending && l.issuer === issuer && l.origin === origin)
      .sort(drawOrder)) {
      for (const debt of this.lots.filter((l) => l.debt && l.issuer === issuer).sort(drawOrder)) {
        const pay = Math.min(lot.remaining, debt.remaining);
        lot.remaining -= pay;
        debt.remaining -= pay;
      }
    }
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
    hold.open = hold.lots.some((part) => part.left > 0);
    hold.status = hold.open ? 'partially_captured' : 'captured';
  }

  private release(hold: ModelHold): void {
    for (const part of hold.lots) {
      part.lot.held -= part.left;
      part.lot.remaining += part.left;
      part.left = 0;
    }
    hold.open = false;
  }

  private refused(now: number, hold: ModelHold): ModelAnswer | null {
    if (hold.status === 'expired' || (hold.open && hold.expiresAt <= now))
      return this.declined('authorization_expired', null);
    return hold.open ? null : this.declined('authorization_closed', null);
  }

  private hold(id: string): ModelHold {
    const hold = this.holds.get(id);
    if (hold === undefined) throw new Error(`the model has no hold ${id}`);
    return hold;
  }

  private created(): ModelAnswer {
    return { verdict: 'created', code: null, limit: null, numbers: this.numbers() };
  }

  private declined(code: string, limit: number | null): ModelAnswer {
    return { verdict: 'declined', code, limit, numbers: this.numbers() };
  }
}
