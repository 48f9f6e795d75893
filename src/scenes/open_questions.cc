#include <algorithm>
#include <tuple>

#include "base/fail.h"
#include "scenes/questions.h"
#include "scenes/words.h"

namespace cobra::scenes {
namespace {

/// Both spellings, since users have both.
std::string_view colour_word(SplitMix& random) { return random.chance(0.5) ? "colour" : "color"; }

class OpenQuestions {
 public:
  OpenQuestions(const Scene& scene, SplitMix& random) : scene_(scene), random_(random) {}

  std::vector<Exchange> all() {
    ask_colour();
    ask_shape();
    ask_texture();
    ask_size();
    ask_counts();
    ask_relation();
    random_.shuffle(exchanges_);
    return std::move(exchanges_);
  }

 private:
  const Scene& scene_;
  SplitMix& random_;
  std::vector<Exchange> exchanges_;

  void add(std::string_view type, std::string question, std::string_view answer, std::string sentence) {
    exchanges_.push_back({std::string(type), std::move(question), std::string(answer), std::move(sentence)});
  }
  const Object* one_of(const std::vector<const Object*>& objects) {
    return objects.empty() ? nullptr : objects[random_.below(objects.size())];
  }

  void ask_colour() {
    const Object* object = one_of(unique_by(scene_, [](const Object& o) { return o.shape; }));
    if (!object) return;
    const std::string_view word = colour_word(random_), shape = name(object->shape);
    const std::string question = random_.chance(0.7) ? fmt::format("What {} is the {}?", word, shape)
                                                     : fmt::format("What is the {} of the {}?", word, shape);
    add("colour", question, name(object->colour), fmt::format("The {} is {}.", shape, name(object->colour)));
  }

  void ask_shape() {
    const Object* object = one_of(unique_by(scene_, [](const Object& o) { return o.colour; }));
    if (!object) return;
    const std::string_view colour = name(object->colour);
    const std::string question = random_.chance(0.7) ? fmt::format("What shape is the {} object?", colour)
                                                     : fmt::format("What is the {} object?", colour);
    add("shape", question, name(object->shape),
        fmt::format("The {} object is a {}.", colour, name(object->shape)));
  }

  void ask_texture() {
    const Object* object = one_of(named_objects(scene_));
    if (!object) return;
    const std::string kind = kind_of(*object);
    add("texture", ask_texture_of(kind), name(object->texture),
        fmt::format("The {} is {}.", kind, name(object->texture)));
  }

  void ask_size() {
    const Object* object = one_of(named_objects(scene_));
    if (!object) return;
    const std::string kind = kind_of(*object);
    add("size", ask_size_of(kind), name(object->size),
        fmt::format("The {} is {}.", kind, name(object->size)));
  }

  void add_count(const std::string& what_one, size_t count) {
    const std::string things = count == 1 ? what_one : what_one + (what_one.ends_with("cross") ? "es" : "s");
    const std::string many = what_one + (what_one.ends_with("cross") ? "es" : "s");
    add("count", fmt::format("How many {} are there?", many), std::to_string(count),
        fmt::format("There {} {} {}.", count == 1 ? "is" : "are", count, things));
  }

  void ask_counts() {
    add_count("object", scene_.objects.size());
    // Mostly of what is there, or nearly all answers would be 0.
    const Object& object = scene_.objects[random_.below(scene_.objects.size())];
    const Shape shape =
        random_.chance(0.85) ? object.shape : static_cast<Shape>(random_.below(kShapeNames.size()));
    add_count(std::string(name(shape)), count_if(scene_, [&](const Object& o) { return o.shape == shape; }));
    const Colour colour =
        random_.chance(0.85) ? object.colour : static_cast<Colour>(random_.below(kColourNames.size()));
    add_count(fmt::format("{} object", name(colour)),
              count_if(scene_, [&](const Object& o) { return o.colour == colour; }));
  }

  void ask_relation() {
    if (scene_.arrangement == Arrangement::apart) return;
    const Object &first = scene_.objects[0], &second = scene_.objects[1];
    const auto [subject, relation, object] = [&]() -> std::tuple<const Object&, Relation, const Object&> {
      if (scene_.arrangement == Arrangement::inside) return {second, Relation::inside, first};
      if (scene_.arrangement == Arrangement::behind) return {first, Relation::behind, second};
      return {first, Relation::touching, second};
    }();
    const auto named = named_objects(scene_);
    if (std::find(named.begin(), named.end(), &object) == named.end()) return;
    const std::string place = fmt::format("{} the {}", name(relation), kind_of(object));
    std::string subject_words = with_article(kind_of(subject));
    subject_words[0] = 'A';
    const std::string sentence = fmt::format("{} is {}.", subject_words, place);
    if (random_.chance(0.5)) {
      add(name(relation), fmt::format("What is {}?", place), kind_of(subject), sentence);
    } else {
      add(name(relation), fmt::format("What {} is the object {}?", colour_word(random_), place),
          name(subject.colour), sentence);
    }
  }
};

}  // namespace

std::vector<Exchange> open_questions(const Scene& scene, SplitMix& random) {
  return OpenQuestions(scene, random).all();
}

}  // namespace cobra::scenes
