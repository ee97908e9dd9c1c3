export { AuditFilter } from './audit/audit.controller.js';
export { operatorAuditSql } from './audit/audit-table.js';
export { OperatorAudit } from './audit/operator-audit.js';
export type { AuditEntry } from './audit/operator-audit.js';
export { ApprovalDesk, Approvals, approvalsProvider, approvalUseSql } from './approvals/approvals.js';
export type { Approve, AskedApproval, GivenApproval, GuardedAct } from './approvals/approvals.js';
export { ApiAnswer, ApiAnswers, shape } from './answer.js';
export type { AnswerOf, Shape } from './answer.js';
export { ApiProblems } from './api-docs.js';
export { BodyLimit } from './body-limit.js';
export { BODY_LIMIT } from './json-body.js';
export { contextOf } from './context-hook.js';
export { etagOf, ifMatch, versioned } from './etag.js';
export {
  Field,
  IsCurrency,
  IsDay,
  IsExternalId,
  IsFlag,
  IsInstant,
  IsMinorAmount,
  IsOneOf,
  IsPart,
  IsParts,
  IsPoints,
  IsPrice,
  IsText,
  IsWhole,
} from './fields.js';
export type { FieldOptions } from './fields.js';
export { HttpModule } from './http.module.js';
export { CONFIG } from './tokens.js';
export { idempotencyTableSql, idempotent, Keyed } from './idempotency.js';
export type { IdempotentCall, KeyedCall, Outcome } from './idempotency.js';
export { Reply } from './reply.js';
export { DUE, MOST_COUNTED } from './due.js';
export type { Due, DueItems } from './due.js';
export { INVARIANTS } from './invariants.js';
export { PARKED_EVENT } from './parked.js';
export type { ParkedEvent } from './parked.js';
export type { Check, Invariants } from './invariants.js';
export { NetworkProbe } from './network-probe.js';
export { openApiOf } from './openapi.js';
export { PageQuery, SyncQuery, queryNumber } from './paging.js';
export { PROBLEM_TYPE, problemOf, verdictOf } from './problem.js';
export type { Problem } from './problem.js';
export { ProblemFilter } from './problem.filter.js';
export { AnyQuery } from './query.js';
export { requireAccess, routesOf } from './routes.js';
export type { RouteInfo } from './routes.js';
export { STOP_IDLE_MS, run } from './run.js';
export { defineService } from './service.js';
export type { AnyServiceDefinition, ServiceDefinition } from './service.js';
export { NearServer } from './near-server.js';
export { migrateService, startService } from './start.js';
export type { RunningService } from './start.js';
export { ValidationPipe } from './validation.pipe.js';
