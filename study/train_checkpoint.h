// A training run's checkpoints: parameters, optimizer moments, the best parameters so far, where the run stands, and
// its log.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "engine/train/trainer.h"

namespace plait {

class TrainCheckpoints {
 public:
  // identity: a text that is the same for the same configuration, cohort and split (run_identity). Borrows store and
  // trainer.
  TrainCheckpoints(std::filesystem::path root, std::string identity, const ParameterStore& store, Trainer& trainer);

  void save(const TrainState& state, const std::string& log);

  struct Restored {
    TrainState state;
    std::string log;
  };
  // Puts the buffers of the newest sound checkpoint back; nullopt where there is none. `damaged`: what is wrong with
  // newer ones. A sound checkpoint of another configuration, cohort or split is a usage error.
  std::optional<Restored> restore(std::vector<std::string>& damaged);

 private:
  std::filesystem::path root_;
  std::string identity_;
  const ParameterStore& store_;
  Trainer& trainer_;
};

// Numbers exactly, as text; and back. Text that save() would not write is a storage error naming `where`.
std::map<std::string, std::string> state_to_text(const TrainState& state);
TrainState state_from_text(const std::map<std::string, std::string>& text, const std::string& where);

}  // namespace plait
