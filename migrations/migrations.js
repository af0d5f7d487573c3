import journal from './meta/_journal.json';
import m0000 from './0000_objects.sql';
import m0001 from './0001_webhook_deliveries.sql';
import m0002 from './0002_bodies_once.sql';

  export default {
    journal,
    migrations: {
      m0000,
m0001,
m0002
    }
  }
  