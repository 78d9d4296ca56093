// Starts a program on several ranks of this machine, as `mpirun -n R` does for a user.
#pragma once

#include <string>
#include <vector>

#include <unistd.h>

#include "tests/support/program.h"

namespace plait::test {

// Whether this machine has a launcher (MPIEXEC as CMake found it) and its programs were built with MPI.
inline bool has_mpirun() {
  return std::string(PLAIT_MPIRUN) != "" && access(PLAIT_MPIRUN, X_OK) == 0;
}

// More ranks than cores, as root in containers: what Open MPI has to be told for tests. One rank a core would leave the
// ranks' other threads nowhere to go.
inline Environment mpi_environment() {
  return {{"OMPI_ALLOW_RUN_AS_ROOT", "1"},
          {"OMPI_ALLOW_RUN_AS_ROOT_CONFIRM", "1"},
          {"OMPI_MCA_rmaps_base_oversubscribe", "1"},
          {"OMPI_MCA_hwloc_base_binding_policy", "none"},
          {"OMPI_MCA_btl_vader_single_copy_mechanism", "none"},
          {"OMPI_MCA_plm_rsh_agent", "false"},  // one machine: no ssh is looked for
          // Under a sanitizer: what the library itself leaks, and what of its own it does not show.
          {"ASAN_OPTIONS", "detect_leaks=0"},
          {"TSAN_OPTIONS", "suppressions=" PLAIT_SOURCE_DIR "/tests/support/mpi.tsan history_size=7"}};
}

inline std::vector<std::string> mpi_command(int ranks, const std::vector<std::string>& program,
                                            const std::vector<std::string>& options = {}) {
  std::vector<std::string> words = {PLAIT_MPIRUN, "-n", std::to_string(ranks)};
  words.insert(words.end(), options.begin(), options.end());
  words.insert(words.end(), program.begin(), program.end());
  return words;
}

}  // namespace plait::test
