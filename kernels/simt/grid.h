// Runs the blocks of a launch on OS threads.
#pragma once

#include "kernels/simt/executor.h"

namespace plait::simt {

// To the end, here and now. Throws gpu::Failure when a block cannot go on.
void run_grid(const Launch& launch);

}  // namespace plait::simt
