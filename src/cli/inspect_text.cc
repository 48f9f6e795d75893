// The report of inspect_report.h for people. Names in a file are untrusted, so they pass through printable().
#include "base/fail.h"
#include "cli/inspect_report.h"
#include "cli/output_model.h"

namespace cobra {
namespace {

std::string text(const Json& value) { return printable(value.get<std::string>()); }

std::string line(std::string_view label, const std::string& value) {
  return fmt::format("{:<17} {}\n", label, value);
}

std::string size_text(const Json& size) {
  return fmt::format("{:>6.1f} M parameters  {:>10}  {:>5} tensors", size["parameters"].get<double>() / 1e6,
                     human_bytes(size["bytes"]), size["tensors"].get<int64_t>());
}

std::string mamba_text(const Json& c) {
  return fmt::format(
      "Mamba: d_model {}, {} layers, d_inner {}, d_state {}, d_conv {}, dt_rank {}, vocabulary {}",
      c["d_model"].get<int>(), c["n_layer"].get<int>(), c["d_inner"].get<int>(), c["d_state"].get<int>(),
      c["d_conv"].get<int>(), c["dt_rank"].get<int>(), c["vocab_size"].get<int>());
}

std::string tower_text(const Json& c) {
  return fmt::format("{} px, patch {}, {} patches, width {}, depth {}, {} heads, MLP {}{}{}",
                     c["image_size"].get<int>(), c["patch_size"].get<int>(), c["patches"].get<int>(),
                     c["embed_dim"].get<int>(), c["depth"].get<int>(), c["num_heads"].get<int>(),
                     c["mlp_hidden"].get<int>(), c["timm_name"] == "" ? "" : ", ", text(c["timm_name"]));
}

std::string projector_text(const Json& c) {
  const int hidden = c["hidden"];
  const std::string middle = hidden > 0 ? fmt::format("{} -> ", hidden) : "";
  return fmt::format("{}: {} -> {}{}", text(c["type"]), c["in"].get<int>(), middle, c["out"].get<int>());
}

std::string configuration_text(const Json& c) {
  std::string out;
  out +=
      line("model", fmt::format("{} ({}, {} template, {})", text(c["model_id"]), text(c["llm_backbone_id"]),
                                text(c["prompt_template"]), text(c["resize_strategy"])));
  if (c.contains("mamba")) out += line("language model", mamba_text(c["mamba"]));
  if (c.contains("projector")) {
    out += line("projector", fmt::format("{}; {} image tokens", projector_text(c["projector"]),
                                         c["image_tokens"].get<int>()));
  }
  for (const Json& tower : c["towers"]) out += line(text(tower["name"]), tower_text(tower));
  return out;
}

std::string tokenizer_text(const Json& c) {
  if (c.is_null()) return "none: token ids only";
  return fmt::format("{} tokens, {} merges, {} added, end of text {}", c["tokens"].get<int64_t>(),
                     c["merges"].get<int64_t>(), c["added"].get<int64_t>(), c["eos_token_id"].get<int64_t>());
}

std::string tensors_text(const Json& tensors) {
  std::string out;
  for (const Json& tensor : tensors) {
    out += fmt::format("{:<6} {:<20} {:>10}  {}\n", tensor["type"].get<std::string>(), tensor["shape"].dump(),
                       human_bytes(tensor["bytes"]), printable(tensor["name"].get<std::string>(), 200));
  }
  return out;
}

}  // namespace

std::string model_text(const Json& report) {
  std::string out;
  out += line("file", fmt::format("{}, {}", printable(report["file"].get<std::string>(), 1000),
                                  human_bytes(report["file_bytes"])));
  out += configuration_text(report["configuration"]);
  out += line("tokenizer", tokenizer_text(report["tokenizer"]));
  out += line("decode reads", human_bytes(report["decode_bytes_per_token"]) + " of weights a token");
  out += "\nparts\n";
  for (const auto& [part, size] : report["parts"].items()) out += line("  " + part, size_text(size));
  out += line("  total", size_text(report["total"])) + "\ntypes\n";
  for (const auto& [type, size] : report["types"].items()) out += line("  " + type, size_text(size));
  if (report.contains("tensors")) out += "\ntensors\n" + tensors_text(report["tensors"]);
  return out;
}

std::string weights_text(const Json& report) {
  return line("file", fmt::format("{}, {}", printable(report["file"].get<std::string>(), 1000),
                                  human_bytes(report["file_bytes"]))) +
         line("total", size_text(report["total"])) + "\n" + tensors_text(report["tensors"]);
}

}  // namespace cobra
