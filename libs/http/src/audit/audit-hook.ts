import type { FastifyInstance, FastifyRequest } from 'fastify';
import { callerIn } from '#libs/auth';
import { contextOf } from '../context-hook.js';
import type { AuditedCall, OperatorAudit } from './operator-audit.js';

const ENTRY = 'hezongAudit';

/** Target of the hook, set once there is a database. */
export interface AuditGate {
  audit: OperatorAudit | null;
}

/**
 * Records every operator call: before it is checked and done, and again before it is answered. All calls are recorded, because a list of
 * the routes to record would miss new ones.
 */
export function installOperatorAudit(server: FastifyInstance, gate: AuditGate): void {
  server.decorateRequest(ENTRY, null);
  server.addHook('preHandler', (request, _reply, done) => {
    const caller = callerIn(request);
    const { audit } = gate;
    if (caller?.kind !== 'operator' || audit?.attached !== true) return done();
    audit.begin(callOf(request, caller.clientId)).then(
      (seq) => {
        Reflect.set(request, ENTRY, seq);
        done();
      },
      (error: unknown) => done(error as Error),
    );
  });
  server.addHook('onSend', (request, reply, payload, done) => {
    const seq = Reflect.get(request, ENTRY) as bigint | null;
    const { audit } = gate;
    if (seq === null || audit === null) return done(null, payload);
    // when sending an answer fails, a problem is sent instead: only the first answer is recorded
    Reflect.set(request, ENTRY, null);
    void audit.end(seq, reply.statusCode).then(() => done(null, payload));
  });
}

function callOf(request: FastifyRequest, client: string): AuditedCall {
  const [path = ''] = request.url.split('?', 1);
  return {
    client,
    method: request.method,
    route: request.routeOptions.url ?? '',
    path: path.slice(0, 1_024),
    payload: { query: request.query, body: request.body ?? null },
    requestId: contextOf(request)?.requestId ?? '',
  };
}
