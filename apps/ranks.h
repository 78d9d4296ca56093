// A command that runs on several ranks, launched by mpirun, srun or the like (docs/distributed.md).
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "engine/comm/process_group.h"

namespace plait {

// Threads of each rank where the configuration leaves it open (0): an equal share of its machine's processors.
std::int64_t threads_of_rank(const ProcessGroup& group, std::int64_t configured);

// What must be the same on all ranks, by name: a usage error that names what differs and the odd rank with its machine.
void require_agreement(ProcessGroup& group, const std::vector<std::pair<std::string, std::string>>& facts);

// Runs `work`, which holds no collective, on every rank. Where it fails all ranks throw the same AgreedError; it names
// the rank where not all of them have failed.
void together(ProcessGroup& group, const std::function<void()>& work);

// Runs it on the first rank alone; where it fails there, all ranks throw.
void on_first_rank(ProcessGroup& group, const std::function<void()>& work);

// Of the program file that runs.
std::string program_fingerprint();

// Runs `work`, says what it fails with and leaves the group. What all ranks end with together is said by the first one
// alone; what only this rank fails with ends the others with exit code 7. One rank alone: its errors are thrown.
int on_ranks(ProcessGroup& group, const std::function<int()>& work);

}  // namespace plait
