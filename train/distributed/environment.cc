#include "train/distributed/environment.h"

#include <sched.h>
#include <unistd.h>

#include <charconv>
#include <cstdlib>
#include <string_view>

#include "base/fail.h"

namespace cobra::train {
namespace {

constexpr int kMaxRanks = 65536, kMaxRestarts = 1'000'000'000;

/// Of a variable that is set.
int integer(const Variables& variables, const char* name, int low, int high) {
  const std::string_view view(variables(name));
  int value = 0;
  const auto read = std::from_chars(view.data(), view.data() + view.size(), value);
  check(read.ec == std::errc() && read.ptr == view.data() + view.size() && value >= low && value <= high,
        "environment: {} must be an integer from {} to {}, found '{}'", name, low, high, printable(view));
  return value;
}

/// Names of one launcher's variables.
struct Launcher {
  const char *rank, *count, *local_count;
};

constexpr Launcher kLaunchers[] = {
    {"RANK", "WORLD_SIZE", "LOCAL_WORLD_SIZE"},
    {"OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE", "OMPI_COMM_WORLD_LOCAL_SIZE"},
    {"SLURM_PROCID", "SLURM_STEP_NUM_TASKS", nullptr},
};

int local_count(const Variables& variables, const Launcher& launcher, int count) {
  if (launcher.local_count && variables(launcher.local_count)) {
    return integer(variables, launcher.local_count, 1, count);
  }
  if (!launcher.local_count && variables("SLURM_STEP_NUM_NODES")) {
    const int nodes = integer(variables, "SLURM_STEP_NUM_NODES", 1, count);
    return (count + nodes - 1) / nodes;
  }
  return count;
}

}  // namespace

RankEnvironment rank_environment(const Variables& variables) {
  RankEnvironment found;
  check(!variables("RANK") || variables("WORLD_SIZE"), "environment: RANK is set, but WORLD_SIZE is not");
  for (const Launcher& launcher : kLaunchers) {
    if (!variables(launcher.count)) continue;
    check(variables(launcher.rank), "environment: {} is set, but {} is not", launcher.count, launcher.rank);
    found.count = integer(variables, launcher.count, 1, kMaxRanks);
    found.rank = integer(variables, launcher.rank, 0, found.count - 1);
    found.local_count = local_count(variables, launcher, found.count);
    break;
  }
  if (const char* host = variables("MASTER_ADDR")) found.host = host;
  if (variables("MASTER_PORT")) found.port = integer(variables, "MASTER_PORT", 1, 65535);
  const char* agent = variables("TORCHELASTIC_USE_AGENT_STORE");
  found.launcher_serves = agent != nullptr && std::string_view(agent) == "True";
  if (variables("TORCHELASTIC_RESTART_COUNT"))
    found.attempt = integer(variables, "TORCHELASTIC_RESTART_COUNT", 0, kMaxRestarts);
  check(found.local_count == found.count || variables("MASTER_ADDR"),
        "environment: MASTER_ADDR is not set: {} processes on several machines need the address of the first",
        found.count);
  return found;
}

std::string core_set() {
  char machine[256] = {};
  ::gethostname(machine, sizeof machine - 1);
  std::string text = machine;
  cpu_set_t cores;
  if (::sched_getaffinity(0, sizeof cores, &cores) != 0) return text;  // more cores than a cpu_set_t holds
  for (size_t core = 0; core < CPU_SETSIZE; ++core) {
    if (CPU_ISSET(core, &cores)) text += fmt::format(" {}", core);
  }
  return text;
}

RankEnvironment rank_environment() {
  return rank_environment([](const char* name) { return std::getenv(name); });
}

}  // namespace cobra::train
