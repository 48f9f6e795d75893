// Which of how many processes this is, as the launchers say it.
#pragma once

#include <functional>
#include <string>

namespace cobra::train {

struct RankEnvironment {
  int rank = 0;
  int count = 1;
  int local_count = 1;  // processes of the run on this machine
  std::string host = "127.0.0.1";
  int port = 29500;
  bool launcher_serves = false;  // the store at host and port is the launcher's, not the first process's
  int attempt = 0;               // how often the launcher has started the processes again
};

/// RANK, WORLD_SIZE, LOCAL_WORLD_SIZE (torchrun); else OMPI_COMM_WORLD_RANK, _SIZE, _LOCAL_SIZE (mpirun);
/// else SLURM_PROCID, SLURM_STEP_NUM_TASKS, SLURM_STEP_NUM_NODES (srun); else one process. MASTER_ADDR and
/// MASTER_PORT name the first process, or torchrun itself where it sets TORCHELASTIC_USE_AGENT_STORE to True;
/// the address may be left out where all processes are on one machine. Throws Error naming a variable that is
/// missing or wrong.
RankEnvironment rank_environment();

/// The same with any look-up; nullptr stands for an unset variable.
using Variables = std::function<const char*(const char*)>;
RankEnvironment rank_environment(const Variables& variables);

/// The machine's name and the numbers of the cores that this process may run on, as a text to compare.
std::string core_set();

}  // namespace cobra::train
