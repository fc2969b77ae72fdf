#!/bin/sh
# Drives the real clients of coding agents against mock model servers on
# 127.0.0.1 and compares the recorded statuses. Run it by hand:
#
#     tests/real_agents.sh MOCKS [SCRATCH]
#
# MOCKS has mock_anthropic.py, mock_openai.py, mock_gemini.py, mock_chat.py and
# scripts/. The clients are installed from npm into SCRATCH (default: a temporary directory).
# The sstat of PATH is tested, with the settings in contrib/agents.
set -eu

mocks=${1:?usage: tests/real_agents.sh MOCKS [SCRATCH]}
scratch=${2:-$(mktemp -d)}
agents=$(cd "$(dirname "$0")/../contrib/agents" && pwd)
bin=$scratch/npm/node_modules/.bin
failed=0
servers=
trap 'kill $servers 2>/dev/null || true' EXIT

mkdir -p "$scratch/npm" "$scratch/project"
npm install --silent --no-audit --no-fund --prefix "$scratch/npm" \
    @anthropic-ai/claude-code @openai/codex @google/gemini-cli @qwen-code/qwen-code \
    @github/copilot opencode-ai

serve() { # FILE PORT
    python3 "$mocks/$1" "$2" "$scratch/$1.log" >/dev/null 2>&1 &
    servers="$servers $!"
}
serve mock_anthropic.py 18123
serve mock_openai.py 18124
serve mock_gemini.py 18125
serve mock_chat.py 18126
sleep 1

# Runs a client with an environment of its own. $home and $status are set.
client() {
    (cd "$scratch/project" && env -i HOME="$home" PATH="$PATH" \
        SSTAT_DIR="$status" SSTAT_SESSION=w timeout 60 env "$@" </dev/null >"$scratch/output" 2>&1) || true
}

# Compares the statuses with the expected ones: check NAME STATUS...
check() {
    name=$1
    shift
    found=$(sstat --dir "$status" history w --jsonl | sed 's/.*"status":"\([a-z]*\)".*/\1/' |
        uniq | tr '\n' ' ')
    if [ "$found" = "$* " ]; then
        echo "ok   $name: $found"
    else
        echo "FAIL $name: $found(expected: $*)"
        failed=1
    fi
}

prepare() { # NAME
    home=$scratch/home-$1
    status=$scratch/status-$1
    rm -rf "$home" "$status"
    mkdir -p "$home" "$status"
}

claude() { # SCENARIO
    prepare "claude-$1"
    client ANTHROPIC_BASE_URL=http://127.0.0.1:18123 ANTHROPIC_API_KEY=dummy \
        DISABLE_TELEMETRY=1 DISABLE_AUTOUPDATER=1 CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC=1 \
        "$bin/claude" --plugin-dir "$agents/plugin" -p "Do scn:$1"
}

codex() { # SCENARIO
    prepare "codex-$1"
    mkdir "$home/.codex"
    cat - "$agents/codex.toml" >"$home/.codex/config.toml" <<END
model_provider = "mock"
model = "gpt-5-codex"
[model_providers.mock]
name = "mock"
base_url = "http://127.0.0.1:18124/v1"
wire_api = "responses"
env_key = "MOCK_KEY"
END
    client MOCK_KEY=dummy "$bin/codex" exec --skip-git-repo-check \
        --dangerously-bypass-hook-trust "Do scn:$1"
}

gemini() { # SCENARIO
    prepare "gemini-$1"
    mkdir "$home/.gemini"
    sed '1s/{/{ "security": { "auth": { "selectedType": "gemini-api-key" } },/' \
        "$agents/gemini.json" >"$home/.gemini/settings.json"
    client GEMINI_API_KEY=dummy GOOGLE_GEMINI_BASE_URL=http://127.0.0.1:18125 \
        "$bin/gemini" --skip-trust -p "Do scn:$1"
}

qwen() { # SCENARIO
    prepare "qwen-$1"
    mkdir "$home/.qwen"
    sed '1s/{/{ "security": { "auth": { "selectedType": "openai" } },/' \
        "$agents/qwen.json" >"$home/.qwen/settings.json"
    client OPENAI_API_KEY=dummy OPENAI_BASE_URL=http://127.0.0.1:18126/v1 OPENAI_MODEL=mock \
        "$bin/qwen" -p "Do scn:$1"
}

copilot() { # SCENARIO
    prepare "copilot-$1"
    mkdir -p "$home/.copilot/hooks"
    cp "$agents/copilot.json" "$home/.copilot/hooks/sstat.json"
    client COPILOT_OFFLINE=true COPILOT_PROVIDER_BASE_URL=http://127.0.0.1:18126/v1 \
        COPILOT_PROVIDER_API_KEY=dummy COPILOT_MODEL=mock \
        "$bin/copilot" --allow-all-tools -p "Do scn:$1"
}

opencode() { # SCENARIO
    prepare "opencode-$1"
    mkdir -p "$home/.config/opencode/plugins"
    cp "$agents/opencode.js" "$home/.config/opencode/plugins/"
    cat >"$home/.config/opencode/opencode.json" <<END
{
  "model": "mock/mock",
  "provider": {
    "mock": {
      "npm": "@ai-sdk/openai-compatible",
      "options": { "baseURL": "http://127.0.0.1:18126/v1", "apiKey": "dummy" },
      "models": { "mock": {} }
    }
  }
}
END
    client OPENCODE_DISABLE_AUTOUPDATE=1 "$bin/opencode" run "Do scn:$1"
}

HOME=$scratch "$bin/claude" plugin validate "$agents/plugin" | tail -1

claude perm && check "Claude Code, one tool" idle working completed
claude sub && check "Claude Code, subagent" idle working completed
claude tasks && check "Claude Code, task list" idle working completed
claude st401 && check "Claude Code, API error" idle working error
codex cx-tool && check "Codex, one tool" idle working completed
codex cx-sub && check "Codex, subagent" idle working completed
codex st401 && check "Codex, API error" idle working error
gemini g-tool && check "Gemini CLI, two tools" idle working completed
gemini st401 && check "Gemini CLI, API error" idle working error
qwen q-tool && check "Qwen Code, task list" working completed
copilot co-tool && check "Copilot CLI, two tools" idle working completed
copilot st401 && check "Copilot CLI, API error" idle working error
opencode oc-tool && check "opencode, one tool" idle working completed
exit $failed
