// A plugin for opencode: copy it to ~/.config/opencode/plugins/ or to
// .opencode/plugins/ of a project. It passes events to `sstat push --hook opencode`
// in the format of Claude Code's hooks, one after the other.

import { spawn } from "node:child_process";

// Tools whose questions and lists have events of their own.
const SEPARATE_TOOLS = ["question", "todowrite", "todoread"];

export const SstatPlugin = async ({ directory }) => {
  const children = new Map(); // id of a child session -> { parent, title }
  const requests = new Map(); // id of a request -> id of its tool call
  const answers = new Map(); // id of a session -> text of its last answer
  const replies = new Map(); // id of a session -> id of the agent's last message
  const failed = new Set(); // sessions whose turn has failed
  const rejected = new Set(); // sessions whose user rejected the last tool call
  let queue = Promise.resolve();

  const run = (payload) =>
    new Promise((resolve) => {
      const hook = spawn("sstat", ["push", "--hook", "opencode"], {
        stdio: ["pipe", "ignore", "ignore"],
      });
      hook.on("error", resolve); // sstat is not installed
      hook.on("close", resolve);
      hook.stdin.on("error", () => {});
      hook.stdin.end(JSON.stringify(payload));
    });

  // An event of a child session is one of a subagent of its root session.
  const push = (name, id, fields = {}) => {
    const child = children.get(id);
    let root = id;
    while (children.has(root)) root = children.get(root).parent;
    const agent = child && { agent_id: id, agent_type: child.title };
    const payload = { hook_event_name: name, session_id: root, cwd: directory, ...agent, ...fields };
    queue = queue.then(() => run(payload));
    return queue;
  };

  const ask = (request, name, tool_name, tool_input) => {
    const call = request.tool?.callID ?? request.id;
    requests.set(request.id, call);
    return push(name, request.sessionID, { tool_name, tool_input, tool_use_id: call });
  };

  const replied = ({ sessionID, requestID, reply }) => {
    if (reply === "reject") rejected.add(sessionID);
    const tool_use_id = requests.get(requestID) ?? requestID;
    requests.delete(requestID);
    return push("RequestReplied", sessionID, { tool_use_id });
  };

  const stopped = (id) => {
    const last_assistant_message = answers.get(id);
    answers.delete(id);
    if (children.has(id)) return push("SubagentStop", id);
    // opencode can report the end of a failed turn more than once.
    if (failed.has(id)) return;
    if (rejected.delete(id)) return push("Interrupt", id);
    return push("Stop", id, { last_assistant_message });
  };

  const failure = (id, error = {}) => {
    if (!id || children.has(id)) return;
    failed.add(id);
    if (error.name === "MessageAbortedError") return push("Interrupt", id);
    const last_assistant_message = error.data?.message ?? error.message;
    return push("StopFailure", id, { error: error.name, last_assistant_message });
  };

  const handlers = {
    "session.created": ({ info }) => {
      if (info.parentID) children.set(info.id, { parent: info.parentID, title: info.title });
      else return push("SessionStart", info.id, { source: "startup" });
    },
    "session.status": ({ sessionID, status }) => {
      if (status.type !== "retry") return;
      const error = { message: status.message };
      return push("ErrorOccurred", sessionID, { error, error_context: "retry", recoverable: true });
    },
    "session.idle": ({ sessionID }) => stopped(sessionID),
    "session.error": ({ sessionID, error }) => failure(sessionID, error),
    "session.compacted": ({ sessionID }) => push("PostCompact", sessionID),
    "permission.asked": (request) => {
      const command = request.patterns?.join(" ");
      return ask(request, "PermissionRequest", request.permission, { command, ...request.metadata });
    },
    "permission.replied": replied,
    "question.asked": (request) =>
      ask(request, "PreToolUse", "AskUserQuestion", { questions: request.questions }),
    "question.replied": replied,
    "question.rejected": replied,
    "todo.updated": ({ sessionID, todos }) =>
      push("PostToolUse", sessionID, { tool_name: "TodoWrite", tool_input: { todos } }),
    "message.updated": ({ info }) => {
      if (info.role === "assistant") replies.set(info.sessionID, info.id);
    },
    "message.part.updated": ({ part }) => {
      const is_answer = part.messageID === replies.get(part.sessionID);
      if (part.type === "text" && part.text && is_answer) answers.set(part.sessionID, part.text);
    },
  };

  const tool = (name, input, tool_input) => {
    if (SEPARATE_TOOLS.includes(input.tool)) return;
    rejected.delete(input.sessionID);
    const fields = { tool_name: input.tool, tool_input, tool_use_id: input.callID };
    return push(name, input.sessionID, fields);
  };

  return {
    event: async ({ event }) => {
      // Do not delay opencode: the queue keeps the order.
      handlers[event.type]?.(event.properties);
    },
    "chat.message": async ({ sessionID }, { parts }) => {
      failed.delete(sessionID);
      rejected.delete(sessionID);
      const prompt = parts.find((part) => part.type === "text" && !part.synthetic)?.text;
      push("UserPromptSubmit", sessionID, { prompt });
    },
    "tool.execute.before": async (input, output) => {
      tool("PreToolUse", input, output.args);
    },
    "tool.execute.after": async (input) => {
      tool("PostToolUse", input, input.args);
    },
  };
};
