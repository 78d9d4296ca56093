// Whether a parallel launcher has started this process, by its environment alone: asking MPI would start MPI.
#pragma once

#include <optional>
#include <string>

namespace plait {

struct Launch {
  std::string variable;  // that says so, e.g. OMPI_COMM_WORLD_SIZE
  int size = 0;          // ranks; 0: the environment does not say
};

// Open MPI's mpirun; PMI (MPICH's and Intel's mpiexec, srun --mpi=pmi2); PMIx (srun --mpi=pmix, prun). Nothing: started
// by hand, or by something that offers no MPI (srun --mpi=none runs independent copies).
std::optional<Launch> launch_environment();

}  // namespace plait
