import { monotonicMs } from '#libs/kernel';

/** Something that a service works with. */
export interface HealthCheck {
  name: string;
  /** Whether callers can't be answered without it. What is not needed is told of and leaves the service ready: without a broker, events wait. */
  needed: boolean;
  /** Resolves to true when it is there, or to how many events wait there. A throw or a delay beyond the limit counts as away. */
  ready(): Promise<boolean | Waiting>;
}

/** Events that wait somewhere; more than the limit are too many. */
export interface Waiting {
  readonly events: number;
  readonly limit: number;
}

export interface HealthReport {
  ready: boolean;
  checks: { name: string; needed: boolean; ready: boolean; ms: number; events?: number }[];
}

/** How long a check may take. What is only told of must not make those wait who ask whether the service can answer. */
const LIMIT_MS = { needed: 2_000, told: 500 } as const;

/** Runs all checks at once. Says what is away, never why: the reason is for the log. */
export async function checkHealth(
  checks: readonly HealthCheck[],
  limitMs: Readonly<Record<keyof typeof LIMIT_MS, number>> = LIMIT_MS,
): Promise<HealthReport> {
  const results = await Promise.all(
    checks.map(async (check) => {
      const { name, needed } = check;
      const started = monotonicMs();
      const found = await within(check.ready(), needed ? limitMs.needed : limitMs.told).catch(() => false);
      const ms = Math.round(monotonicMs() - started);
      if (typeof found === 'boolean') return { name, needed, ready: found, ms };
      return { name, needed, ready: found.events <= found.limit, ms, events: found.events };
    }),
  );
  return { ready: results.every(({ needed, ready }) => ready || !needed), checks: results };
}

async function within(work: Promise<boolean | Waiting>, limitMs: number): Promise<boolean | Waiting> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<boolean>((resolve) => {
    timer = setTimeout(() => resolve(false), limitMs);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}
