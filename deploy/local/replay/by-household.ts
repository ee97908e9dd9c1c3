/**
 * Processes items with bounded concurrency: items of the same household one after the other, in the given order, households in parallel.
 * The first error prevents the start of further items.
 */
export async function byHousehold<T extends { household: string }>(
  items: readonly T[],
  concurrency: number,
  work: (item: T) => Promise<void>,
): Promise<void> {
  const waiting = new Map<string, T[]>();
  const ready: T[] = [];
  for (const item of items) {
    const queue = waiting.get(item.household);
    if (queue !== undefined) queue.push(item);
    else {
      waiting.set(item.household, []);
      ready.push(item);
    }
  }
  let next = 0;
  let failure: { error: unknown } | undefined;
  const wake: (() => void)[] = [];
  let left = items.length;
  const worker = async (): Promise<void> => {
    while (left > 0 && failure === undefined) {
      const item = ready[next];
      if (item === undefined) {
        await new Promise<void>((resume) => wake.push(resume));
        continue;
      }
      next += 1;
      try {
        await work(item);
      } catch (error) {
        failure ??= { error };
      }
      left -= 1;
      const follower = waiting.get(item.household)?.shift();
      if (follower !== undefined) {
        ready.push(follower);
        wake.shift()?.();
      }
      if (left === 0 || failure !== undefined) for (const resume of wake.splice(0)) resume();
    }
  };
  await Promise.all(Array.from({ length: Math.max(1, Math.min(concurrency, items.length)) }, worker));
  if (failure !== undefined) throw failure.error;
}
