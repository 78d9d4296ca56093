// The scenarios of ranks_program.cpp. Each returns the code that its rank leaves with.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "engine/comm/process_group.h"

namespace plait::test {

bool termination_asked();  // SIGTERM has come

// Every operation, many layouts of pieces, against plain loops over what every rank is known to send.
int collectives(ProcessGroup& group);
// The same with messages of at most 1000 bytes, so that everything longer goes in parts.
int collectives_in_parts(ProcessGroup& group);
// Many operations under way at once, waited for in another order, moved, dropped.
int overlapping_collectives(ProcessGroup& group);

// Rank 1 is in another operation than the others: all_reduce (which MPI confuses with their barrier) or all_gather.
int mismatched_collectives(ProcessGroup& group, const std::filesystem::path& folder, const std::string& operation);

// Steps of a training without the training: a collective each, until so many seconds have gone. `arguments`:
// heartbeat_s lost_after_s collective_timeout_s seconds [victim what at_s]. FOLDER/rank-<r>.process holds each rank's
// process id, once it steps. The victim does `what` at that time: "fail" (an error of its own, code 3), "exit" (without
// a word), "hang", "last" (steps no more, but comes to the end so much later). SIGTERM: all agree on a step, write
// FOLDER/rank-<r>.checkpoint if no peer is lost, and leave with 143.
int steps(ProcessGroup& group, const std::filesystem::path& folder, const std::vector<std::string>& arguments);

}  // namespace plait::test
