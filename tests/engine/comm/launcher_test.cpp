#include "engine/comm/launcher.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <map>

namespace plait {
namespace {

// The environment of a launcher, and nothing of the one around this test.
class Launched {
 public:
  explicit Launched(const std::map<std::string, std::string>& variables) {
    for (const char* name : names) {
      if (const char* value = std::getenv(name)) before_[name] = value;
      unsetenv(name);
    }
    for (const auto& [name, value] : variables) setenv(name.c_str(), value.c_str(), 1);
  }
  ~Launched() {
    for (const char* name : names) unsetenv(name);
    for (const auto& [name, value] : before_) setenv(name.c_str(), value.c_str(), 1);
  }
  Launched(const Launched&) = delete;
  Launched& operator=(const Launched&) = delete;

 private:
  static constexpr const char* names[] = {"OMPI_COMM_WORLD_SIZE", "PMI_SIZE",    "PMI_RANK", "PMIX_RANK",
                                          "SLURM_STEP_NUM_TASKS", "SLURM_NTASKS"};
  std::map<std::string, std::string> before_;
};

void expect(const std::map<std::string, std::string>& variables, const std::string& variable, int size) {
  const Launched launched(variables);
  const auto launch = launch_environment();
  ASSERT_TRUE(launch) << variable;
  EXPECT_EQ(launch->variable, variable);
  EXPECT_EQ(launch->size, size);
}

void expect_none(const std::map<std::string, std::string>& variables) {
  const Launched launched(variables);
  EXPECT_FALSE(launch_environment());
}

TEST(LaunchEnvironment, KnowsTheLaunchers) {
  expect({{"OMPI_COMM_WORLD_SIZE", "4"}, {"PMIX_RANK", "1"}}, "OMPI_COMM_WORLD_SIZE", 4);
  expect({{"PMI_SIZE", "2"}, {"PMI_RANK", "1"}}, "PMI_SIZE", 2);
  expect({{"PMIX_RANK", "0"}, {"SLURM_STEP_NUM_TASKS", "8"}}, "PMIX_RANK", 8);
  expect({{"PMIX_RANK", "3"}}, "PMIX_RANK", 0);
  expect({{"OMPI_COMM_WORLD_SIZE", "1"}}, "OMPI_COMM_WORLD_SIZE", 1);
}

TEST(LaunchEnvironment, StartsNoMpiForAPlainProcess) {
  expect_none({});
  // A batch script, or srun without MPI: independent copies.
  expect_none({{"SLURM_NTASKS", "4"}, {"SLURM_STEP_NUM_TASKS", "4"}});
  expect_none({{"OMPI_COMM_WORLD_SIZE", ""}, {"PMI_SIZE", "two"}, {"PMI_RANK", "-1"}, {"PMIX_RANK", "0x"}});
  expect_none({{"OMPI_COMM_WORLD_SIZE", "0"}});
}

}  // namespace
}  // namespace plait
