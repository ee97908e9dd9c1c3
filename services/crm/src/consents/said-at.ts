/** How far a brand's clock may run ahead. */
const CLOCK_SKEW_MS = 5 * 60_000;
/** No consent or proof can be older than this. */
const EARLIEST = Date.UTC(2000, 0, 1);

/** The fault of a time of consent or proof, or null. A sandbox's clock may be behind real time, so both count as now. */
export function saidAtFault(at: Date, allianceNow: Date, realNow: Date): { code: string; detail: string } | null {
  const latest = Math.max(allianceNow.getTime(), realNow.getTime()) + CLOCK_SKEW_MS;
  if (at.getTime() > latest) return { code: 'in_future', detail: 'The time lies in the future.' };
  if (at.getTime() < EARLIEST) return { code: 'too_early', detail: 'The time is before the year 2000.' };
  return null;
}
