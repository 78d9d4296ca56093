#include "engine/comm/mpi_error.h"

#include <mpi.h>

#include <array>

#include "engine/error.h"

namespace plait {

std::string mpi_error_text(int error) {
  std::array<char, MPI_MAX_ERROR_STRING> text{};
  int length = 0;
  if (MPI_Error_string(error, text.data(), &length) != MPI_SUCCESS) return "MPI error " + std::to_string(error);
  return {text.data(), static_cast<std::size_t>(length)};
}

void check_mpi(int error) {
  if (error != MPI_SUCCESS) throw Error(ExitCode::peer, "MPI: " + mpi_error_text(error));
}

}  // namespace plait
