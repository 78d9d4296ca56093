// MPI's return codes as errors.
#pragma once

#include <string>

namespace plait {

std::string mpi_error_text(int error);
// Throws Error(ExitCode::peer): a wrong argument is our mistake, anything else is a peer or the way to it.
void check_mpi(int error);

}  // namespace plait
