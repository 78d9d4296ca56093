// Column names that speak of what happened afterwards.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>

#include "study/audit/leakage.h"

namespace plait {
namespace {

// Words of a name, in lower case: "days_to_last_followup", "daysToDeath" and "Days.to.death" are all taken apart.
std::vector<std::string> words_of(const std::string& name) {
  std::vector<std::string> words(1);
  char before = '\0';
  for (const char c : name) {
    const auto byte = static_cast<unsigned char>(c);
    const bool letter = std::isalnum(byte) != 0;
    const bool hump = std::isupper(byte) != 0 && std::islower(static_cast<unsigned char>(before)) != 0;
    if ((!letter || hump) && !words.back().empty()) words.emplace_back();
    if (letter) words.back() += static_cast<char>(std::tolower(byte));
    before = c;
  }
  if (words.back().empty()) words.pop_back();
  return words;
}

constexpr std::array kOutcomeWords = {
    "death",      "dead",     "died",      "deceased",    "alive",      "vital",     "mortality",
    "survival",   "survived", "surviving", "outcome",     "followup",   "relapse",   "relapsed",
    "recurrence", "recurred", "recurrent", "progression", "progressed", "remission", "readmission",
    "readmitted", "censor",   "censored",  "censoring",   "os",         "pfs",       "dfs",
    "rfs",        "cluster",  "clusters",  "coc",         "label"};

// The words that give it away; empty for none.
std::string outcome_words(const std::vector<std::string>& words) {
  for (std::size_t i = 0; i < words.size(); ++i) {
    const std::string& word = words[i];
    if (std::find(kOutcomeWords.begin(), kOutcomeWords.end(), word) != kOutcomeWords.end()) return word;
    // "mRNA_K4": the assignment of a clustering into four.
    if (i > 0 && word.size() == 2 && word[0] == 'k' && word[1] >= '2' && word[1] <= '9') return word;
    if (i + 1 == words.size()) break;
    const std::string pair = word + " " + words[i + 1];
    if (pair == "follow up" || pair == "days to" || pair == "time to" || pair == "last contact") return pair;
  }
  return "";
}

}  // namespace

std::vector<LeakageFinding> find_outcome_names(const Cohort& cohort) {
  std::vector<LeakageFinding> findings;
  for (const ModalityData& modality : cohort.modalities) {
    if (modality.kind != ModalityKind::table) continue;  // genes have names of their own kind
    for (const Column& column : modality.columns) {
      const std::vector<std::string> words = words_of(column.name);
      const bool is_target = std::any_of(cohort.target_names.begin(), cohort.target_names.end(),
                                         [&](const std::string& target) { return words_of(target) == words; });
      const std::string why = outcome_words(words);
      if (is_target)
        findings.push_back({"outcome name",
                            fmt::format("column \"{}\" of {} has the name of the target", column.name, modality.file)});
      else if (!why.empty())
        findings.push_back(
            {"outcome name", fmt::format("column \"{}\" of {} is named like an outcome or a cluster (\"{}\")",
                                         column.name, modality.file, why)});
    }
  }
  return findings;
}

}  // namespace plait
