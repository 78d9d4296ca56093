// Every key of a configuration, once: its name, type and range. Reading and writing walk the same list, so that they
// cannot disagree.
#pragma once

#include <algorithm>
#include <cstdint>
#include <initializer_list>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "study/config.h"

namespace plait {

struct IntegerRange {
  std::int64_t low = 0, high = 0;  // both allowed
};

struct NumberRange {
  double low = 0.0, high = 0.0;
  bool without_low = false, without_high = false;  // the bound itself is not allowed
};

using Names = std::vector<std::string>;

// Meets the keys of one section in their order.
class ConfigVisitor {
 public:
  virtual ~ConfigVisitor() = default;
  virtual void flag(std::string_view key, bool& value) = 0;
  virtual void integer(std::string_view key, std::int64_t& value, IntegerRange range) = 0;
  virtual void number(std::string_view key, double& value, NumberRange range) = 0;
  virtual void word(std::string_view key, std::string& value, const Names& choices) = 0;
  virtual void integers(std::string_view key, std::vector<std::int64_t>& values, IntegerRange each,
                        IntegerRange count) = 0;
  // One number for all of `names`, or a table of numbers by name.
  virtual void number_by_name(std::string_view key, double& value, std::map<std::string, double>& by_name,
                              NumberRange range, const Names& names) = 0;

  // A word of the file that stands for a value of the program.
  template <class T>
  void choice(std::string_view key, T& value, std::initializer_list<std::pair<const char*, T>> choices) {
    Names names;
    std::string chosen;
    for (const auto& [name, meaning] : choices) {
      names.emplace_back(name);
      if (meaning == value) chosen = name;
    }
    word(key, chosen, names);
    for (const auto& [name, meaning] : choices)
      if (chosen == name) value = meaning;
  }
};

Names modality_names(std::span<const InputShape> inputs);

void visit_model(ConfigVisitor& visitor, ModelConfig& model);  // model.inputs: the modalities known
void visit_encoder_type(ConfigVisitor& visitor, EncoderConfig& encoder);
void visit_encoder(ConfigVisitor& visitor, EncoderConfig& encoder);  // the type, then the keys of that type
void visit_train(ConfigVisitor& visitor, TrainOptions& train, const Names& modalities);
void visit_distributed(ConfigVisitor& visitor, DistributedSettings& distributed);
void visit_preprocess(ConfigVisitor& visitor, PreprocessOptions& preprocess);

// For a key that encoders of some type have: "a cnn", "a dae"; for any other: nothing.
std::string_view encoder_with_key(std::string_view key);

}  // namespace plait
