import { fork } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { HezongClient } from '#libs/sdk';
import { clientOf } from '../network/client.js';
import { projectRoot } from '../network/root.js';
import { readSandboxFile, type SandboxFile } from '../network/sandbox-file.js';
import { Bar } from '../replay/bar.js';
import { commissionsOf } from './commissions.js';
import { settled } from './cycles.js';
import type { Progress, Summary } from './play.js';
import { commissionsTable, curlLines, invariantsTable, matrixTable, positionsTable } from './report.js';
import { readState } from './state.js';
import { membersByRank, ranksLine } from './tiers.js';

export interface Demonstration {
  sandbox: SandboxFile;
  file: string;
  stateFile: string;
  empty: boolean;
  abort: AbortSignal;
  say: (text: string) => void;
  notice: (text: string) => void;
  seconds: () => number;
}

/** Fills the sandbox unless that is done or not wanted, then shows its contents. */
export async function demonstrate(demo: Demonstration): Promise<void> {
  const filling = !demo.empty && readState(demo.stateFile)?.done !== true;
  if (filling) {
    demo.say(`open after ${demo.seconds().toFixed(1)} s at ${demo.sandbox.gateway}; the sandbox fills meanwhile`);
    summarize(demo, await play(demo));
  }
  const sandbox = readSandboxFile(demo.file) ?? demo.sandbox;
  const operator = clientOf(sandbox, sandbox.operator);
  const state = readState(demo.stateFile);
  if (state?.done === true) for (const id of state.closed) await showCycle(operator, sandbox, id);
  const books = await settled(operator);
  console.log(invariantsTable(books));
  const ranks = await membersByRank(operator, books);
  if (ranks !== null) console.log(`  ${ranksLine(ranks)}`);
  if (!books.ok || books.checks.some((check) => !check.ok)) process.exitCode = 1;
  const member = await someMember(sandbox);
  console.log(`\n  ready${filling ? ', and filled,' : ''} after ${demo.seconds().toFixed(1)} s\n`);
  console.log(`  gateway       ${sandbox.gateway}`);
  console.log(`  API           ${sandbox.gateway}/docs`);
  console.log(`  credentials   ${demo.file}`);
  console.log(`\n  to try:\n\n${curlLines(sandbox, member).join('\n')}`);
}

/** The client runs in a separate process: its load must not slow the measured network. */
function play(demo: Demonstration): Promise<Summary> {
  const data = join(projectRoot(), 'deploy/local/data/order_lines.csv.gz');
  const child = fork(
    fileURLToPath(new URL('./play.js', import.meta.url)),
    [demo.file, demo.stateFile, data, new Date(Date.now()).toISOString()],
    { stdio: ['ignore', 'inherit', 'inherit', 'ipc'], detached: true },
  );
  const stop = (): void => void child.kill('SIGKILL');
  demo.abort.addEventListener('abort', stop, { once: true });
  const bar = new Bar('filling the sandbox', 0);
  return new Promise((resolve, reject) => {
    let finished: Summary | undefined;
    let failed: string | undefined;
    child.on('message', (message) => {
      const progress = message as Progress;
      if (progress.note !== undefined) demo.say(progress.note);
      else if (progress.failed !== undefined) failed = progress.failed;
      else bar.set(progress.done, progress.day ?? '', progress.total);
      finished = progress.finished ?? finished;
    });
    child.once('exit', (code) => {
      bar.end();
      demo.abort.removeEventListener('abort', stop);
      if (finished !== undefined) resolve(finished);
      else
        reject(
          new Error(
            demo.abort.aborted
              ? 'stopped'
              : `the sandbox could not be filled: ${failed ?? `its process ended with ${code ?? 'a signal'}`}`,
          ),
        );
    });
  });
}

function summarize(demo: Demonstration, summary: Summary): void {
  const rate = Math.round(summary.orders / summary.seconds);
  console.log(`
  ${summary.orders} real orders of ${summary.from} to ${summary.to}, ${summary.members} member links, ${summary.redemptions} redemptions, ${summary.voids} voids,
  ${summary.returns} returns of goods, ${summary.givenBack} of points, ${summary.referred} orders with a referral code,
  ${summary.bonus} points more for ranks: ${summary.calls} calls in ${summary.seconds.toFixed(1)} s (${rate} orders/s)`);
  if (summary.mismatches.length === 0) return;
  process.exitCode = 1;
  demo.notice(
    `${summary.mismatches.length} answers differ from the file: ${summary.mismatches.slice(0, 3).join('; ')}`,
  );
}

async function showCycle(operator: HezongClient, sandbox: SandboxFile, id: string): Promise<void> {
  const cycle = await operator.operatorCycles.result({ path: { cycle: id } });
  console.log(
    `\n  Cycle ${cycle.id}, ${cycle.status}. Points of the issuer (row) spent at the redeemer (column), and what they cost:\n`,
  );
  console.log(matrixTable(cycle));
  console.log(
    `\n  Net positions; gross ${cycle.gross}, after netting ${cycle.netted} (${cycle.currency}, minor units)\n`,
  );
  console.log(positionsTable(cycle));
  const commissions = await commissionsOf(sandbox, id);
  if (commissions.every(({ paid }) => paid === 0)) return;
  console.log('\n  Commissions among them: who earned them, and which seller paid\n');
  console.log(commissionsTable(commissions));
}

/** A member of the first brand to show; the sandbox's first household, if there is one. */
async function someMember(
  sandbox: SandboxFile,
): Promise<{ brand: SandboxFile['brands'][number]; memberRef: string } | null> {
  const brand = sandbox.brands[0];
  if (brand === undefined) return null;
  const { members } = clientOf(sandbox, brand);
  for (const household of ['1', '906', '1873', '2', '3', '4', '5', '6', '7', '8', '9', '10']) {
    const { data } = await members.list({ query: { externalId: `${brand.slug}-${household}` } });
    if (data[0] !== undefined) return { brand, memberRef: data[0].memberRef };
  }
  return null;
}
