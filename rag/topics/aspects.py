"""Words of everyday English that speak of one aspect of things: "clean", "dirty" and "spotless" of
cleanliness.

Frequent nouns alone do not name what reviewers judge by describing words, and several nouns name one
thing. Which aspects a pile of reviews has, and which of these words, the reviews decide: an aspect
belongs to kinds of what is reviewed, and the kind shows in words such as "episode" or "host".
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache


@dataclass(frozen=True, slots=True)
class Aspect:
    """Of things of these `kinds` ("any" is all). `names` are nouns that name it, of which the first is
    preferred; `words` only describe it. Those that end in "*" stand for all that begin so. Lower case;
    up to three words each.
    """

    kinds: frozenset[str]
    names: tuple[str, ...]
    words: tuple[str, ...]


_TABLE = """
story: acting, actor*, actress*, performances, performance, cast, casting | acted, overact*
story game: characters, character | character development, well-developed
story game: story, plot, plots, plot twist*, plot hole*, storyline*, story line*, storytelling, narrative,
    premise, stories
story: originality, concept, ideas | original, unique, creativ*, innovativ*, inventive, unoriginal, imaginative,
    ingenious
story: ending, endings, finale, last episode*, final episode*, last season, final season, conclusion,
    cliffhanger*
story: writing, dialogue, dialogues, dialog, script, scripts, scriptwriting, writer, writers, screenplay |
    well-written, poorly written, badly written, well written
story: humour, humor, jokes, joke, comedy, laughs | funny, funnier, funniest, hilarious*, laugh, laughed,
    laughing, unfunny, humorous
story game product: music, soundtrack*, sound track*, songs, song | catchy
story: visuals, cinematography, set design, sets, costumes, camerawork, camera work, special effects, cgi,
    animation, colours, colors | visually, aesthetic*
story: pacing | slow, slowly, slower, drag, drags, dragged, dragging, boring, boredom, bored, tedious, fast
    paced, fast-paced, too long, slow-paced
story: suspense, tension, thrills | suspenseful, thrilling, gripping, intense, edge of, tense, nail-biting,
    gripped
story: violence, gore, blood, brutality | violent, gory, bloody, brutal*, gruesome
story: predictability, cliches, clichés | predictab*, cliche, cliché, clichéd, cliched, formulaic, foreseeable
story: repetition | repetiti*, recycled, rehash*, same old, same joke*
story: emotions, feelings | emotional*, moving, touching, heartbreaking, heart-wrenching, tears, cry, cried
story: social commentary, social criticism, society, capitalism, inequality, social issues | societal,
    capitalist*, class struggle
story: dubbing, subtitles, dub, voice acting | dubbed, subtitled
story: hype | overrated, over-rated, overhyped, over-hyped, over hyped, over rated, underrated
story: sexism, misogyny, racism, stereotypes, homophobia, sexist | misogyn*, racist, offensive, homophobic,
    degrading
story: crudeness, vulgarity, sex jokes, toilet humour, toilet humor, fart jokes, gay jokes, innuendo* | crude*,
    vulgar*, raunchy, smut*, fart*, filthy
stay food: location, distance, neighborhood, neighbourhood, walking distance | located, central*, walkable,
    conveniently, situated, within walking
stay food travel: cleanliness, dirt, dust, stains, cleaning | clean, cleaner, cleaned, dirty, spotless,
    immaculate, filthy, dusty, unclean, grubby, tidy, stained
stay product: smell, smells, odor*, odour*, scent*, fragrance*, stench | smelly, musty, stank, stinks, stink,
    reek*
any: comfort | comfortabl*, comfy, cozy, cosy, uncomfortabl*
stay: beds, bed, mattress*, pillow*, sofa bed, bedding
stay travel: bathroom, bathrooms, shower, showers, toilet, toilets, restroom, restrooms, washroom, washrooms
stay travel product: noise, noises, noise level | noisy, quiet, quieter, quietest, quietly, loud, louder,
    loudly, peaceful, soundproof*, earplugs, ear plugs
travel food: staff, service, crew, employees, waitress*, waiter*, receptionist*, personnel, attendants, server,
    servers, reception, cabin crew, customer service | rude, courteous, polite, attentive, unfriendly, unhelpful,
    welcoming, grumpy, friendly, helpful
product: customer service, service, staff, employees | unhelpful
stay: staff, host, service, communication, hosts, hostess, receptionist*, reception, employees, customer
    service, waitress*, waiter* | rude, courteous, polite, attentive, unfriendly, unhelpful, welcoming, grumpy,
    responsive, communicative, responded, responds, respond, unresponsive, accommodating, hospitable, helpful,
    friendly
any: value, price, prices, pricing, cost, costs, value for money | expensive, cheap, cheaper, overpriced,
    affordable, pricey, inexpensive, reasonably, priced, costly, worth the money, waste of money
stay food: parking, car park
stay: check-in, check-out, check in, checkin, checkout, check out, check-ins
stay: breakfast, breakfasts, breakfast buffet
stay food travel: food, meal, meals, dishes, dish, menu, snacks, buffet, catering, cuisine, dinner, lunch |
    tasty, delicious, bland, yummy, inedible, stale
food travel: drinks, drink, wine, wines, champagne, beer*, alcohol, spirits, bar, beverage*, cocktails,
    liquor
stay food travel: coffee, tea, espresso
stay travel: wifi, wi-fi, internet, wireless, internet connection
stay: room size, spaciousness, size | spacious, roomy, cramped, tiny, huge, smaller, bigger, compact
travel: space, spaciousness, size | spacious, roomy, cramped, tiny, huge, smaller, bigger, compact
stay food: view, views, scenery, balcony, terrace
stay: pool, pools, swimming pool, beach, spa, sauna
stay: temperature, heating, heat, heater, heaters, air conditioning, air conditioner, ac, aircon | cold, chilly,
    freezing, hot, warm, stuffy
stay: safety, security | safe*, unsafe, sketchy, dangerous
stay: privacy | private, shared, privacy
stay: kitchen, fridge, microwave, refrigerator, stove, appliances
stay travel food: crowding, crowds | crowded, overcrowded, packed, busy
stay travel food: seating, seats, seat, chairs, sofas
stay travel food: decor, décor, furniture, furnishing*, interior | decorated, furnished, stylish, dated,
    outdated, modern, tired, run down, renovated, shabby
product: sound, sound quality, speaker*, audio, volume, bass | tinny
product: battery, batteries, battery life, charging, charger*, charge | charged, rechargeable
product: screen, screens, display, displays, picture quality, resolution
product: setup, set-up, set up, installation, instructions, manual | install, installed, easy to use, ease of
    use, user friendly, user-friendly, intuitive, difficult to use, setting up, instructions
product: connection, connections, connectivity, bluetooth, pairing | connect, connects, connected, connecting,
    disconnect*, reconnect*
product: quality, build quality, durability, material* | durable, flimsy, sturdy, broke, broken, cheaply made,
    well made, defective, stopped working, reliable, unreliable, malfunction*, lasted
product: weight | lightweight, heavy, light weight, bulky, portable
product: look, looks, appearance, design | sleek, stylish, ugly, attractive, looks good, looks great
product: fit, sizing | fits, fitted, tight, too small, too big, too large, snug, loose
product: delivery, shipping, packaging, package, parcel | shipped, delivered, packaged, arrived
product: returns, return, refund*, replacement, replacements, warranty, customer support | refunded, returned,
    returning
food product: taste, tastes, flavor*, flavour*, texture, aftertaste | tasted, tasting, bitter, sweet, salty
product: ingredients, sugar, calories, fat | healthy, natural, organic, gluten*
product: hair, curls | frizz*, shiny
product: skin, face | moistur*, greasy, sticky, oily, irritat*, breakout*, rash
product game: performance, speed, lag, crashes, bugs, frame rate | laggy, crash, crashed, freezes, glitch*,
    buggy, sluggish
product: camera, cameras, photos, pictures
product: app, apps, software, update, updates
product: keyboard, keys, mouse, touchpad, trackpad
product: voice recognition, voice commands, commands, voice control, questions | understands, understand,
    recognize, recognizes
product: alarm, alarms, alarm clock, timer, timers, clock, reminders
product: lights, light bulbs, smart home, home automation, bulbs
game: gameplay, controls, mechanics, multiplayer, replay value, graphics
travel: delays, delay, cancellation, cancellations, flight time | delayed, late, punctual, on time, cancelled
    flight
travel: legroom, leg room, seat pitch, recline
travel: luggage, baggage, bags
travel: boarding, gate, lounge access, queue, queues, check-in desk | queuing
travel: entertainment, movies selection, in-flight entertainment, ife, entertainment system
"""


@cache
def aspects() -> tuple[Aspect, ...]:
    """The table."""
    found = []
    for line in _TABLE.replace("\n    ", " ").strip().splitlines():
        kinds, _, line = line.partition(":")
        names, _, words = line.partition("|")
        split = [
            tuple(filter(None, (word.strip() for word in part.split(","))))
            for part in (names, words)
        ]
        found.append(Aspect(frozenset(kinds.split()), *split))
    return tuple(found)


KINDS = {
    "story": """show shows series season seasons episode episodes movie movies film films book books novel sitcom drama
        author reader""",
    "stay": """hotel hotels hostel apartment apartments room rooms stay stayed staying airbnb host resort motel""",
    "travel": "flight flights flew flying airline airlines airport lounge lounges train cabin boarding",
    "food": "restaurant restaurants meal meals dish dishes menu waiter waitress delicious cafe pizza pub ate",
    "game": "gameplay player players played playing multiplayer dlc fps gamer gamers",
    "product": """product products bought buy buying purchase purchased purchasing device item amazon ordered order
        laptop phone""",
}
"""Words that tell what kind of thing is reviewed."""

_KIND_SHARE = 0.15  # of the reviews, that have its words, from which things are of a kind


def kinds_of(voices_with: Callable[[Iterable[str]], int], voices: int) -> frozenset[str]:
    """The kinds of what is reviewed, by how many of the `voices` have one of some words; all where
    none shows.
    """
    shares = {kind: voices_with(words.split()) / max(voices, 1) for kind, words in KINDS.items()}
    most = max(shares.values())
    found = [kind for kind, share in shares.items() if share >= max(_KIND_SHARE, most / 2)]
    return frozenset({"any", *(found or KINDS)})
