#include "train/distributed/environment.h"

#include <gtest/gtest.h>
#include <sched.h>

#include <map>

#include "cobra/error.h"

namespace cobra::train {
namespace {

RankEnvironment parse(const std::map<std::string, std::string>& variables) {
  return rank_environment([&](const char* name) {
    const auto found = variables.find(name);
    return found == variables.end() ? nullptr : found->second.c_str();
  });
}

TEST(CoreSetTest, TellsWhereTheProcessMayRun) {
  cpu_set_t before, one;
  ASSERT_EQ(sched_getaffinity(0, sizeof before, &before), 0);
  size_t core = 0;
  while (!CPU_ISSET(core, &before)) ++core;
  CPU_ZERO(&one);
  CPU_SET(core, &one);
  ASSERT_EQ(sched_setaffinity(0, sizeof one, &one), 0);
  const std::string bound = core_set();
  ASSERT_EQ(sched_setaffinity(0, sizeof before, &before), 0);
  EXPECT_TRUE(bound.ends_with(std::to_string(core))) << bound;
  EXPECT_EQ(core_set() == bound, CPU_COUNT(&before) == 1);
}

TEST(RankEnvironmentTest, TorchrunMayServeTheStore) {
  const auto said = [](const char* agent) {
    return parse({{"RANK", "0"},
                  {"WORLD_SIZE", "2"},
                  {"TORCHELASTIC_USE_AGENT_STORE", agent},
                  {"TORCHELASTIC_RESTART_COUNT", "3"}});
  };
  EXPECT_TRUE(said("True").launcher_serves);
  EXPECT_FALSE(said("False").launcher_serves);
  EXPECT_EQ(said("True").attempt, 3);
  EXPECT_FALSE(parse({{"RANK", "0"}, {"WORLD_SIZE", "2"}}).launcher_serves);
}

TEST(RankEnvironmentTest, NoLauncherIsOneProcess) {
  EXPECT_EQ(parse({}).count, 1);
  EXPECT_EQ(parse({}).rank, 0);
}

TEST(RankEnvironmentTest, LaunchersAreUnderstood) {
  const RankEnvironment torch = parse({{"RANK", "5"},
                                       {"WORLD_SIZE", "8"},
                                       {"LOCAL_WORLD_SIZE", "4"},
                                       {"MASTER_ADDR", "node0"},
                                       {"MASTER_PORT", "1234"}});
  EXPECT_EQ(torch.rank, 5);
  EXPECT_EQ(torch.count, 8);
  EXPECT_EQ(torch.local_count, 4);
  EXPECT_EQ(torch.host, "node0");
  EXPECT_EQ(torch.port, 1234);
  const RankEnvironment mpi = parse({{"OMPI_COMM_WORLD_RANK", "1"}, {"OMPI_COMM_WORLD_SIZE", "2"}});
  EXPECT_EQ(mpi.rank, 1);
  EXPECT_EQ(mpi.local_count, 2);
  EXPECT_EQ(mpi.host, "127.0.0.1");
  const RankEnvironment slurm = parse({{"SLURM_PROCID", "3"},
                                       {"SLURM_STEP_NUM_TASKS", "4"},
                                       {"SLURM_STEP_NUM_NODES", "2"},
                                       {"MASTER_ADDR", "node0"}});
  EXPECT_EQ(slurm.rank, 3);
  EXPECT_EQ(slurm.local_count, 2);
}

TEST(RankEnvironmentTest, WrongVariablesAreErrors) {
  EXPECT_THROW(parse({{"WORLD_SIZE", "2"}}), Error);
  EXPECT_THROW(parse({{"RANK", "2"}, {"WORLD_SIZE", "2"}}), Error);
  EXPECT_THROW(parse({{"RANK", "0"}, {"WORLD_SIZE", "two"}}), Error);
  EXPECT_THROW(parse({{"RANK", "0"}, {"WORLD_SIZE", "4"}, {"LOCAL_WORLD_SIZE", "2"}}), Error);
  EXPECT_THROW(parse({{"MASTER_PORT", "99999"}}), Error);
}

}  // namespace
}  // namespace cobra::train
